//! Builds on a private engine that these tests start: they need root and `dockerd`.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use std::os::unix::fs::PermissionsExt;

use cachemount_buildkit::{
    BuildError, BuildEvent, BuildRequest, Builder, Choice, Discovery, Output, PrivateEngine, discover,
};
use fs_err as fs;

use support::{Context, Traces, build, engine, skipped, step};

const COUNT: &str = "RUN --mount=type=cache,target=/c echo $BUST >>/c/log; cat /c/log\nRUN echo after";

#[test]
fn a_cache_mount_keeps_its_content_between_builds() {
    if skipped() {
        return;
    }
    let engine = engine();
    let context = Context::new(COUNT);
    let first = build(&engine, &context.request("a", "one"));
    assert_eq!(step(&first, "target=/c").log, "one\n");
    let second = build(&engine, &context.request("a", "two"));
    assert_eq!(step(&second, "target=/c").log, "one\ntwo\n");
    let elsewhere = build(&engine, &context.request("b", "three"));
    assert_eq!(step(&elsewhere, "target=/c").log, "three\n");
}

#[test]
fn cached_and_run_steps_are_told_apart() {
    if skipped() {
        return;
    }
    let engine = engine();
    let context = Context::new(COUNT);
    let mut events = Vec::new();
    let cold = engine
        .build(&context.request("a", "one"), &mut |event| {
            events.push(event);
        })
        .unwrap();
    for part in ["COPY rootfs", "target=/c", "RUN echo after"] {
        let step = step(&cold, part);
        assert!(step.ran && !step.cached, "{step:?}");
        assert!(step.seconds.unwrap() > 0.0 && step.started.is_some(), "{step:?}");
        assert!(events.contains(&BuildEvent::StepStarted {
            name: step.name.clone()
        }));
        assert!(events.contains(&BuildEvent::StepEnded {
            name: step.name.clone(),
            cached: false
        }));
    }
    let unchanged = build(&engine, &context.request("a", "one"));
    for part in ["COPY rootfs", "target=/c", "RUN echo after"] {
        let step = step(&unchanged, part);
        assert!(step.cached && !step.ran, "{step:?}");
    }
    let changed = build(&engine, &context.request("a", "two"));
    assert!(step(&changed, "COPY rootfs").cached);
    assert!(step(&changed, "target=/c").ran);
}

#[test]
fn only_the_mounts_of_the_namespace_are_listed_and_removed() {
    if skipped() {
        return;
    }
    let engine = engine();
    let context = Context::new(
        "RUN --mount=type=cache,target=/plain echo 12345 >>/plain/log; cat /plain/log\n\
         RUN --mount=type=cache,id=owned,target=/owned,uid=1000,mode=0700 \
         echo 1 >>/owned/log; cat /owned/log; stat -c %u:%a /owned",
    );
    for namespace in ["ours", "ours2"] {
        let record = build(&engine, &context.request(namespace, namespace));
        assert_eq!(step(&record, "id=owned").log, "1\n1000:700\n");
    }
    let mut other = context.request("ours", "none");
    other.mount_namespace = None;
    build(&engine, &other);

    let ours = engine.mounts("ours").unwrap();
    let mut ids: Vec<_> = ours
        .iter()
        .map(|mount| mount.description.rsplit_once("with id ").unwrap().1)
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, ["\"ours//plain\"", "\"ours/owned\""]);
    assert_eq!(ours.iter().map(|mount| mount.bytes).sum::<u64>(), 8);

    assert_eq!(engine.prune_mounts("ours").unwrap(), 8);
    assert_eq!(engine.mounts("ours").unwrap(), []);
    assert_eq!(engine.mounts("ours2").unwrap().len(), 2);

    // Everybody else's still hold what they held, the one with an owner too; ours are empty.
    let theirs = build(&engine, &context.request("ours2", "again"));
    assert_eq!(step(&theirs, "target=/plain").log, "12345\n12345\n");
    assert_eq!(step(&theirs, "id=owned").log, "1\n1\n1000:700\n");
    other.build_args = vec![("BUST".into(), "again, too".into())];
    let nobodys = build(&engine, &other);
    assert_eq!(step(&nobodys, "id=owned").log, "1\n1\n1000:700\n");
    let emptied = build(&engine, &context.request("ours", "once more"));
    assert_eq!(step(&emptied, "target=/plain").log, "12345\n");
    assert_eq!(step(&emptied, "id=owned").log, "1\n1000:700\n");
}

#[test]
fn a_failing_step_is_named_with_the_end_of_its_output() {
    if skipped() {
        return;
    }
    let engine = engine();
    let context = Context::new("RUN echo fine\nRUN echo this goes wrong; exit 7");
    let Err(BuildError::Failed { message, record }) = engine.build(&context.request("a", "1"), &mut |_| {}) else {
        panic!("no failed build");
    };
    assert!(
        message.starts_with("step `[stage-1 2/2] RUN echo this goes wrong; exit 7` failed: "),
        "{message}"
    );
    assert!(message.contains("exit code: 7\n"), "{message}");
    assert!(message.ends_with("its output:\n    this goes wrong"), "{message}");
    assert!(step(&record, "RUN echo fine").ran);
    let failed = step(&record, "this goes wrong");
    assert!(!failed.ran && failed.error.is_some());
}

#[test]
fn what_the_builder_refuses_is_quoted() {
    if skipped() {
        return;
    }
    let engine = engine();
    let context = Context::new("RUNN nonsense");
    let error = engine.build(&context.request("a", "1"), &mut |_| {}).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("unknown instruction: RUNN"), "{text}");
}

#[test]
fn usage_of_the_steps_is_the_builders_not_the_clients() {
    if skipped() {
        return;
    }
    let engine = engine();
    // Files in memory, and a processor kept busy.
    let context = Context::new(
        "RUN head -c 50000000 /dev/zero >/dev/shm/x; i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done; echo $BUST",
    );
    let record = build(&engine, &context.request("a", "1"));
    let builder = record.builder.unwrap();
    let seconds = step(&record, "RUN head").seconds.unwrap();
    assert!(builder.cpu_seconds > 0.5 * seconds, "{builder:?} in {seconds} s");
    let client = record.client;
    assert!(client.user_seconds + client.system_seconds > 0.0, "{client:?}");
    assert!(client.peak_rss_bytes.unwrap() > 1_000_000, "{client:?}");
    // The second build finds everything in the layer cache.
    let cached = build(&engine, &context.request("a", "1")).builder.unwrap();
    assert!(
        cached.cpu_seconds < builder.cpu_seconds / 2.0,
        "{cached:?} after {builder:?}"
    );
    if memory_is_accounted() {
        assert!(
            cached.peak_memory_bytes.unwrap() + 40_000_000 < builder.peak_memory_bytes.unwrap(),
            "{cached:?} after {builder:?}"
        );
    } else {
        assert_eq!(builder.peak_memory_bytes, None);
    }
}

/// Kernels can be booted without it; only the one tree of v2 says so.
fn memory_is_accounted() -> bool {
    fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").map_or(true, |controllers| controllers.contains("memory"))
}

#[test]
fn images_and_files_are_exported_and_images_loaded() {
    if skipped() {
        return;
    }
    let engine = engine();
    let context = Context::new("RUN echo $BUST >/made && mkdir /folder && echo x >'/folder/a b'\nLABEL a=b");
    let out = tempfile::tempdir().unwrap();
    let archive = out.path().join("image, with comma.tar");
    let record = build(
        &engine,
        &BuildRequest {
            output: Output::ImageArchive(archive.clone()),
            ..context.request("a", "1")
        },
    );
    assert!(step(&record, "RUN echo").ran);
    let names: Vec<String> = tar::Archive::new(fs::File::open(&archive).unwrap())
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert!(names.contains(&"manifest.json".to_owned()), "{names:?}");

    let folder = out.path().join("files");
    build(
        &engine,
        &BuildRequest {
            output: Output::Files(folder.clone()),
            ..context.request("a", "1")
        },
    );
    assert_eq!(fs::read_to_string(folder.join("made")).unwrap(), "1\n");
    assert_eq!(fs::read_to_string(folder.join("folder/a b")).unwrap(), "x\n");

    // The image has gone from the engine's store, and comes back from the archive.
    let image = |engine: &PrivateEngine| {
        let socket = format!("unix://{}/docker.sock", engine.folder().display());
        let output = std::process::Command::new("docker")
            .args(["--host", &socket, "image", "ls", "--all", "--quiet"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(image(&engine), "");
    engine.load_images(std::slice::from_ref(&archive)).unwrap();
    let loaded = image(&engine);
    assert!(!loaded.is_empty());
    // One that was there before stays.
    build(
        &engine,
        &BuildRequest {
            output: Output::ImageArchive(out.path().join("again.tar")),
            ..context.request("a", "1")
        },
    );
    assert_eq!(image(&engine), loaded);

    let error = engine.load_images(&[out.path().join("no such file")]).unwrap_err();
    assert!(error.to_string().contains("no such file"), "{error}");
}

#[test]
fn steps_reach_a_listener_on_this_machine() {
    if skipped() {
        return;
    }
    let engine = engine();
    let info = engine.info();
    assert_eq!(info.host_address.as_deref(), Some("127.0.0.1"));
    // The kernel's list of listeners is per network: ours is in it if the network is the host's.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("0100007F:{:04X}", listener.local_addr().unwrap().port());
    let context = Context::new("RUN cat /proc/net/tcp");
    let record = build(&engine, &context.request("a", "1"));
    let log = &step(&record, "/proc/net/tcp").log;
    assert!(log.contains(&port), "{port} not in\n{log}");
}

#[test]
fn two_engines_at_once_share_nothing_and_leave_nothing() {
    if skipped() {
        return;
    }
    let (one, two) = (engine(), engine());
    let traces = [Traces::of(one.folder()), Traces::of(two.folder())];
    for traces in &traces {
        // Daemon and runtime at least.
        assert!(traces.processes().len() >= 2, "{:?}", traces.processes());
        assert!(traces.present().len() >= 5, "{:?}", traces.present());
    }
    let context = Context::new(COUNT);
    build(&one, &context.request("a", "1"));
    let fresh = build(&two, &context.request("a", "1"));
    assert!(step(&fresh, "target=/c").ran);
    assert_eq!(step(&fresh, "target=/c").log, "1\n");

    one.stop().unwrap();
    assert_eq!(traces[0].present(), Vec::<String>::new());
    let still = build(&two, &context.request("a", "2"));
    assert_eq!(step(&still, "target=/c").log, "1\n2\n");
    drop(two);
    assert_eq!(traces[1].present(), Vec::<String>::new());
}

#[test]
fn a_docker_that_is_there_is_used_as_it_is() {
    if skipped() {
        return;
    }
    // A private engine plays the user's Docker; the client's environment says where it is.
    let engine = engine();
    let folder = tempfile::tempdir().unwrap();
    let docker = folder.path().join("docker");
    fs::write(
        &docker,
        format!(
            "#!/bin/sh\nDOCKER_HOST=unix://{}/docker.sock BUILDX_CONFIG={} exec docker \"$@\"\n",
            engine.folder().display(),
            folder.path().join("buildx").display()
        ),
    )
    .unwrap();
    fs::set_permissions(&docker, std::fs::Permissions::from_mode(0o755)).unwrap();
    // Another test's thread may be starting a program right now, which holds our file open for a moment.
    while let Err(error) = std::process::Command::new(&docker).output() {
        assert_eq!(error.kind(), std::io::ErrorKind::ExecutableFileBusy, "{error}");
    }
    let discovery = Discovery {
        client: Some(docker),
        ..Discovery::default()
    };
    let found = discover(&discovery).unwrap();
    assert!(found.private().is_none());
    let info = found.info();
    assert_eq!((info.name.as_str(), info.driver.as_str()), ("default", "docker"));
    assert!(info.local && info.version.contains("dockerd "), "{info:?}");
    // The bridge's address, at which steps reach us.
    assert!(info.host_address.as_deref().unwrap().starts_with("198."), "{info:?}");
    let context = Context::new(COUNT);
    let record = build(&found, &context.request("a", "1"));
    assert!(step(&record, "target=/c").ran);
    assert_eq!(record.builder, None, "whose processes they are cannot be told");
    assert_eq!(found.mounts("a").unwrap().len(), 1);
    found.prune_mounts("a").unwrap();

    let missing = Discovery {
        choice: Choice::Named("no-such-builder".into()),
        ..discovery.clone()
    };
    let text = discover(&missing).unwrap_err().to_string();
    assert!(text.contains("no-such-builder"), "{text}");

    let nowhere = Discovery {
        choice: Choice::Address(format!("unix://{}/nothing.sock", folder.path().display())),
        ..discovery
    };
    let text = discover(&nowhere).unwrap_err().to_string();
    assert!(text.contains("nothing that builds answers at unix://"), "{text}");
}

#[test]
fn a_private_engine_is_found_when_asked_for() {
    if skipped() {
        return;
    }
    let found = discover(&Discovery {
        choice: Choice::Private,
        ..Discovery::default()
    })
    .unwrap();
    assert_eq!(found.info().name, "private engine");
    let traces = Traces::of(found.private().unwrap().folder());
    drop(found);
    assert_eq!(traces.present(), Vec::<String>::new());
}
