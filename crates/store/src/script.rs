//! The shell script that a helper step runs over a mounted directory.

use std::fmt::Write as _;

/// The access time that a reset gives to every file: 1 January 2000, 12:00 UTC, in seconds since 1970.
///
/// More than a day ago, so that with `relatime` (Linux' default) the next read moves it whatever the other times say.
pub const RESET_MOMENT: i64 = 946_728_000;

/// A script for `sh` that lists `dir` into the file `out`, for [`Listing::parse`](crate::Listing::parse) to read.
///
/// It runs under dash and busybox alike and needs `find`, `stat`, `touch`, `cat`, `date`, `sleep` and `rm`. `out` must lie
/// outside `dir`. It fails (exit status other than 0) if `dir` is missing or anything in it cannot be listed; what `out`
/// holds is then refused by the parser, for lack of its last line.
///
/// With `reset` every regular file and directory gets the access time [`RESET_MOMENT`] after the listing. Contents and
/// modification times stay. First the script tries on a file of its own whether this works here: file systems may
/// be mounted with `noatime`, and `touch` of busybox before 1.34 takes `-a` but changes the modification time
/// too. If it does not, nothing is touched and the listing says so.
#[must_use]
pub fn listing_script(dir: &str, out: &str, reset: bool) -> String {
    let mut script = String::from("set -eu\nLC_ALL=C\nTZ=UTC0\nexport LC_ALL TZ\n");
    // Writing into a String cannot fail.
    let _ = writeln!(
        script,
        "dir={}\nout={}\nreset={}",
        quote(dir),
        quote(out),
        u8::from(reset)
    );
    let _ = writeln!(script, "epoch={RESET_MOMENT}\nversion={}", crate::VERSION);
    script.push_str(BODY);
    script
}

/// Names are written raw, for no shell tool quotes them portably. The record ends in `//` and a newline, which no path
/// made by `find .` contains.
///
/// The pause separates the build's reads from those that `find` makes of directories: see `Listing::started`.
const BODY: &str = r#"moment=200001011200.00
case $out in /*) ;; *) out=$PWD/$out ;; esac
cd "$dir"
probe=./.cachemount-probe-$$
trap 'rm -f "$probe"' EXIT
atime=frozen
if (printf x >"$probe") 2>/dev/null &&
  touch -t 201001011200.00 "$probe" &&
  touch -a -t "$moment" "$probe" &&
  [ "$(stat -c '%X %Y' "$probe")" = "$epoch 1262347200" ]; then
  cat "$probe" >/dev/null
  if [ "$(stat -c %X "$probe")" != "$epoch" ]; then atime=works; fi
fi
rm -f "$probe"
case $(stat -f -c %t .) in
  794c7630) copies=unseen ;;
  *) copies=seen ;;
esac
if [ "$reset" = 1 ] && [ "$atime" = works ]; then state=$epoch; else state=none; fi
sleep 1
started=$(date +%s)
printf 'cachemount-listing %s\nstarted %s\natime %s\ncopies %s\nreset %s\n' \
  "$version" "$started" "$atime" "$copies" "$state" >"$out"
find . -exec stat -c '%f %s %Y %X %Z %u %g %n//' {} + >>"$out"
if [ "$state" != none ]; then
  find . -depth \( -type f -o -type d \) -exec touch -a -t "$moment" {} +
fi
printf 'end\n' >>"$out"
"#;

/// A word that the shell takes literally.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes() {
        assert_eq!(quote("/a b"), "'/a b'");
        assert_eq!(quote("it's"), r"'it'\''s'");
    }
}
