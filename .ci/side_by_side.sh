# For .ci/run, which has set $work: jobs two at a time, warnings, and the count of the tests.

logs=$work/logs
mkdir "$logs"
touch "$work/warnings"

step() { printf '\n==== %s\n' "$*"; }

# Say what is missing, here and once more at the end.
warn() { printf '\n!!!! WARNING: %s\n' "$*" | tee -a "$work/warnings" >&2; }

jobs=()  # functions with their arguments, each in one word
pids=()
shown=0

# Run the functions given, each with its arguments in one word, two at a time.  What each prints is
# shown when it has ended, in their order.  After a failure none is begun any more.
side_by_side() {
    local job
    for job; do
        while [ "$(running)" -ge 2 ]; do
            wait -n || true
            show
        done
        ! failed || break
        # shellcheck disable=SC2086
        begin ${#jobs[@]} $job
        jobs+=("$job")
        pids+=($!)
    done
    while [ "$(running)" -gt 0 ]; do
        wait -n || true
        show
    done
    show
    ! failed || return 1
}

begin() {
    local number=$1
    shift
    (
        trap 'echo "$? $SECONDS" >"$logs/$number.status"; times >"$logs/$number.cpu"' EXIT
        SECONDS=0
        "$@"
    ) >"$logs/$number.log" 2>&1 &
}

running() {
    local pid count=0
    for pid in "${pids[@]:shown}"; do
        if kill -0 "$pid" 2>/dev/null; then count=$((count + 1)); fi
    done
    echo $count
}

# Show what has ended, up to the first that has not.
show() {
    local status seconds cpu
    while [ "$shown" -lt ${#jobs[@]} ] && ! kill -0 "${pids[shown]}" 2>/dev/null; do
        cat "$logs/$shown.log"
        [ -e "$logs/$shown.status" ] || echo "killed 0" >"$logs/$shown.status"
        read -r status seconds <"$logs/$shown.status"
        [ "$status" = 0 ] || printf '\nFAILED (%s): %s\n' "$status" "${jobs[shown]}" >&2
        # The second line of `times` is that of the children, "1m2.345s 0m6.789s".
        cpu=$(awk -F '[ms ]+' 'NR == 2 { printf "%d", 60 * ($1 + $3) + $2 + $4 }' "$logs/$shown.cpu") || cpu=0
        printf '%5d s, %5d s of processor time  %s\n' "$seconds" "$cpu" "${jobs[shown]}" >>"$work/times"
        shown=$((shown + 1))
    done
}

failed() { cat "$logs"/*.status 2>/dev/null | grep -qv '^0 '; }

# Print how long everything took, what is missing, and how many tests have passed, in one line.
summary() {
    step "times"
    cat "$work/times"
    cat "$work/warnings" >&2
    cat "$logs"/*.log | awk '
        /^([0-9]+ [a-z]+, )*[0-9]+ [a-z]+ in [0-9.]+s/ {
            for (i = 1; i < NF; i++) if ($i ~ /^[0-9]+$/) { word = $(i + 1); sub(/,/, "", word); count[word] += $i }
        }
        END { printf "\ntotal: %d passed, %d failed, %d skipped\n", count["passed"], count["failed"], count["skipped"] }'
}
