#!/usr/bin/env bash
# kcat: what is produced comes back, groups, offsets by time, metadata. With Debian's librdkafka, an old one.
#
#     tests/interop/kcat/kcat.sh HOST:PORT
set -euo pipefail

server=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

kafka() { timeout 60 kcat -b "$server" "$@"; }

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Holds two texts to be the same.
same() {
  [[ $1 == "$2" ]] || die "$(printf 'found:\n%s\nexpected:\n%s' "${1:0:2000}" "${2:0:2000}")"
}

# All of a topic, a line a record.
all_of() { kafka -C -e -q -o beginning -t "$1" "${@:2}"; }

keys_and_values_come_back_with_every_codec() {
  local codec sent=$work/sent
  for n in $(seq 500); do printf 'key-%d:the value of %d\n' "$n" "$n"; done >"$sent"
  for codec in none gzip snappy lz4 zstd; do
    kafka -P -t "codec-$codec" -p 0 -z "$codec" -K : -X linger.ms=100 <"$sent"
    same "$(all_of "codec-$codec" -K :)" "$(cat "$sent")"
  done
}

nulls_headers_and_empty_values_come_back() {
  printf ':\nk:\n:v\nk:v\n' | kafka -P -t nulls -p 0 -K : -Z -H one=1 -H two=2 -H one=3 -H empty=
  local expected='-1 -1 one=1,two=2,one=3,empty=
1 -1 one=1,two=2,one=3,empty=
-1 1 one=1,two=2,one=3,empty=
1 1 one=1,two=2,one=3,empty='
  same "$(all_of nulls -f '%K %S %h\n')" "$expected"
  printf ':\n' | kafka -P -t empty -p 0 -K :
  same "$(all_of empty -f '%K %S\n')" '0 0'
}

a_large_record_comes_back() {
  head -c 900000 /dev/urandom >"$work/large"
  kafka -P -t large -p 0 "$work/large"
  kafka -C -e -q -o beginning -t large -D '' >"$work/received"
  cmp "$work/large" "$work/received" || die 'not the same 900 kB'
}

many_records_come_back_in_order() {
  seq 200000 >"$work/many"
  kafka -P -t many -p 0 -X enable.idempotence=true <"$work/many"
  all_of many | cmp - "$work/many" || die 'not the same 200,000 records'
}

offsets_are_found() {
  seq 10 | kafka -P -t offsets -p 0
  same "$(all_of offsets -o 7)" "$(seq 8 10)"
  same "$(kafka -C -e -q -t offsets -p 0 -o -2)" "$(seq 9 10)"
  same "$(kafka -C -q -t offsets -p 0 -o 3 -c 2)" "$(seq 4 5)"
  local time
  time=$(kafka -C -q -t offsets -p 0 -o 4 -c 1 -f '%T')
  same "$(kafka -C -e -q -t offsets -p 0 -o "s@$time" -c 1 -f '%T')" "$time"
  same "$(kafka -Q -t offsets:0:-1)" 'offsets [0] offset 10'
  same "$(kafka -Q -t offsets:0:-2)" 'offsets [0] offset 0'
}

a_group_goes_on_where_it_was() {
  seq 10 | kafka -P -t group-topic -p 0
  local config=(-X auto.offset.reset=earliest -X session.timeout.ms=6000)
  same "$(kafka -G readers -q -e "${config[@]}" group-topic)" "$(seq 10)"
  seq 11 15 | kafka -P -t group-topic -p 0
  same "$(kafka -G readers -q -e "${config[@]}" group-topic)" "$(seq 11 15)"
}

metadata_is_listed() {
  seq 1 | kafka -P -t listed -p 0
  local found
  found=$(kafka -L -J -t listed)
  python3 - "$server" "$found" <<'CHECK'
import json, sys

server, found = sys.argv[1], json.loads(sys.argv[2])
assert [broker["name"] for broker in found["brokers"]] == [server], found
node = found["brokers"][0]["id"]
assert found["controllerid"] == node, found
partitions = [(part["partition"], part["leader"], part["isrs"]) for part in found["topics"][0]["partitions"]]
assert partitions == [(0, node, [{"id": node}])], found
CHECK
}

a_record_that_is_waited_for_comes_at_once() {
  seq 1 | kafka -P -t awaited -p 0
  kafka -C -q -t awaited -p 0 -o beginning -c 2 -u -X fetch.wait.max.ms=20000 >"$work/awaited" &
  local reader=$!
  for _ in $(seq 200); do
    [[ -s $work/awaited ]] && break
    sleep 0.05
  done
  sleep 0.5
  local begun=$SECONDS
  echo 2 | kafka -P -t awaited -p 0
  wait "$reader"
  same "$(cat "$work/awaited")" "$(seq 2)"
  [[ $((SECONDS - begun)) -lt 10 ]] || die 'not the record, but the end of the wait woke it'
}

checks=(
  keys_and_values_come_back_with_every_codec
  nulls_headers_and_empty_values_come_back
  a_large_record_comes_back
  many_records_come_back_in_order
  offsets_are_found
  a_group_goes_on_where_it_was
  metadata_is_listed
  a_record_that_is_waited_for_comes_at_once
)
failed=0
for check in "${checks[@]}"; do
  # Not `if (…)`: a shell ignores `set -e` in what it tests.
  set +e
  (set -e && "$check")
  status=$?
  set -e
  [[ $status -eq 0 ]] && printf 'ok      %s\n' "$check" && continue
  printf 'FAILED  %s\n' "$check"
  failed=$((failed + 1))
done
printf '%d passed, %d failed\n' $((${#checks[@]} - failed)) "$failed"
[[ $failed -eq 0 ]]
