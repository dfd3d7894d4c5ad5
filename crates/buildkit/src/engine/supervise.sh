# Starts a private engine, waits until its owner goes away, and takes it down.
#
#   supervise.sh run       standard input: a pipe that the owner holds open; its end is the order to stop
#   supervise.sh teardown  for what an earlier supervisor left behind
#
# Standard output is the folder's lock file: as long as this process lives, the lock is held, and nobody takes the
# folder for an abandoned one. What the script starts must therefore never inherit it.
#
# From the environment:
#   CM_DIR     the folder that holds everything
#   CM_GROUP   name of the engine's control group, and CM_TREES: the mount points of the trees to make it in
#   CM_BRIDGE  name of the engine's bridge, and CM_ADDRESS: address/prefix (not needed for teardown)
#   CM_PREPARE name of the file whose lines are the programs to run, one argument a line, programs separated by an
#              empty line; each is given time to listen on the socket that its first line names
set -u
# The owner reads our messages; when it is gone they are lost, and the work goes on.
trap '' PIPE

all_trees() {
    awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/self/mounts
}

# Every process in the engine's control groups: the daemons and the steps they run. Zombies are not listed there.
members() {
    for tree in $(all_trees); do
        if [ -d "$tree/$CM_GROUP" ]; then
            find "$tree/$CM_GROUP" -name cgroup.procs -exec cat {} + 2>/dev/null
        fi
    done | sort -u
}

# Waits up to $1 tenths of a second for the end of every member.
gone_within() {
    left=$1
    while [ -n "$(members)" ]; do
        if [ "$left" -le 0 ]; then
            return 1
        fi
        left=$((left - 1))
        sleep 0.1
    done
}

mounts_below() {
    awk -v dir="$CM_DIR/" '{ gsub(/\\040/, " ", $2); if (index($2, dir) == 1) print $2 }' /proc/self/mounts
}

teardown() {
    trap '' INT TERM HUP
    # The daemons first and politely: they know best what they set up.
    for process in $(members); do
        if [ "$(cat "/proc/$process/comm" 2>/dev/null)" = "${CM_POLITE:-dockerd}" ]; then
            kill -TERM "$process" 2>/dev/null
            patience=50
            while [ -d "/proc/$process" ] && [ "$patience" -gt 0 ] && members | grep -qx "$process"; do
                patience=$((patience - 1))
                sleep 0.1
            done
        fi
    done
    tries=0
    while [ -n "$(members)" ] && [ "$tries" -lt 100 ]; do
        for process in $(members); do
            kill -KILL "$process" 2>/dev/null
        done
        gone_within 5
        tries=$((tries + 1))
    done

    mounts_below | sort -r | while read -r mount; do
        umount -l "$mount" 2>/dev/null
    done
    if [ -e "/sys/class/net/$CM_BRIDGE" ]; then
        ip link delete "$CM_BRIDGE" type bridge
    fi
    for tree in $(all_trees); do
        if [ -d "$tree/$CM_GROUP" ]; then
            find "$tree/$CM_GROUP" -depth -type d -exec rmdir {} \;
        fi
    done
    # Folders that the daemons make outside of theirs; empty ones only, and only those that were not there before.
    if [ -f "$CM_DIR/made" ]; then
        while read -r made; do
            rmdir "$made" 2>/dev/null
        done <"$CM_DIR/made"
    fi
    if [ -n "$(mounts_below)" ]; then
        echo "something is still mounted below $CM_DIR" >&2
        return 1
    fi
    # The lock file goes last: without it nobody would look at the rest again.
    find "$CM_DIR" -mindepth 1 -maxdepth 1 ! -name lock -exec rm -rf {} +
    rm -rf "$CM_DIR"
}

fail() {
    echo "$1" >"$CM_DIR/failed"
}

note_folders() {
    for folder in /run/docker/plugins /run/docker /run/containerd/s /run/containerd; do
        if [ ! -e "$folder" ]; then
            echo "$folder"
        fi
    done >"$CM_DIR/made"
}

make_groups() {
    for tree in $CM_TREES; do
        mkdir -p "$tree/$CM_GROUP/daemon" "$tree/$CM_GROUP/steps" || return 1
        if [ -f "$tree/$CM_GROUP/cgroup.subtree_control" ]; then
            for controller in cpu memory pids; do
                # Absent ones cost a figure in the report, not the engine.
                { echo "+$controller" >"$tree/cgroup.subtree_control"; } 2>/dev/null
                { echo "+$controller" >"$tree/$CM_GROUP/cgroup.subtree_control"; } 2>/dev/null
            done
        fi
    done
    return 0
}

make_bridge() {
    ip link add name "$CM_BRIDGE" type bridge &&
        ip address add "$CM_ADDRESS" dev "$CM_BRIDGE" &&
        ip link set "$CM_BRIDGE" up
}

# launch SOCKET PROGRAM [ARGUMENT...]
launch() {
    socket=$1
    shift
    name=${1##*/}
    (
        for tree in $CM_TREES; do
            echo 0 >"$tree/$CM_GROUP/daemon/cgroup.procs" || exit 1
        done
        exec "$@"
    ) </dev/null >>"$CM_DIR/$name.log" 2>&1 &
    process=$!
    patience=600
    while [ ! -S "$socket" ]; do
        if ! kill -0 "$process" 2>/dev/null || [ "$patience" -le 0 ]; then
            fail "$name"
            return 1
        fi
        patience=$((patience - 1))
        sleep 0.05
    done
}

launch_all() {
    set --
    while IFS= read -r line; do
        if [ -n "$line" ]; then
            set -- "$@" "$line"
        else
            launch "$@" || return 1
            set --
        fi
    done <"$CM_PREPARE"
}

case $1 in
run)
    # A signal to this process alone means the same as the owner's end.
    trap 'teardown; exit' INT TERM HUP
    note_folders
    if ! message=$(make_groups 2>&1); then
        fail "control groups: $message"
    elif ! message=$(make_bridge 2>&1); then
        fail "bridge: $message"
    else
        launch_all
    fi
    # Returns when the owner's end of the pipe is closed, in whatever way the owner ended.
    read -r _ || :
    teardown
    ;;
teardown)
    teardown
    ;;
esac
