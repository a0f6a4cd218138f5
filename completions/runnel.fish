# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_runnel_global_optspecs
    string join \n d/dir= trust-dir q/quiet v/verbose color= h/help V/version
end

function __fish_runnel_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_runnel_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_runnel_using_subcommand
    set -l cmd (__fish_runnel_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c runnel -n "__fish_runnel_needs_command" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_needs_command" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_needs_command" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_needs_command" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_needs_command" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_needs_command" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_needs_command" -s V -l version -d 'Print version'
complete -c runnel -n "__fish_runnel_needs_command" -f -a "topic" -d 'Make, list, describe, change and delete topics'
complete -c runnel -n "__fish_runnel_needs_command" -f -a "produce" -d 'Append records to a topic'
complete -c runnel -n "__fish_runnel_needs_command" -f -a "consume" -d 'Print the records of topics'
complete -c runnel -n "__fish_runnel_needs_command" -f -a "stream" -d 'Make results of each record: filter, map, join, split'
complete -c runnel -n "__fish_runnel_needs_command" -f -a "get" -d 'Print the latest value of a key'
complete -c runnel -n "__fish_runnel_needs_command" -f -a "table" -d 'Show a topic as a table; make tables that last'
complete -c runnel -n "__fish_runnel_needs_command" -f -a "group" -d 'Show where consumer groups stand, and set it'
complete -c runnel -n "__fish_runnel_needs_command" -f -a "serve" -d 'Serve the directory to Kafka clients'
complete -c runnel -n "__fish_runnel_needs_command" -f -a "log" -d 'Look after logs'
complete -c runnel -n "__fish_runnel_needs_command" -f -a "backup" -d 'Put topics, tables, and what groups have committed into one file'
complete -c runnel -n "__fish_runnel_needs_command" -f -a "restore" -d 'Make topics of a backup, or show what is in it'
complete -c runnel -n "__fish_runnel_needs_command" -f -a "completions" -d 'Print a shell\'s completion script'
complete -c runnel -n "__fish_runnel_needs_command" -f -a "man" -d 'Print a man page'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete truncate" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete truncate" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete truncate" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete truncate" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete truncate" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete truncate" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete truncate" -f -a "create" -d 'Make topics'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete truncate" -f -a "list" -d 'Print the names of topics, one a line'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete truncate" -f -a "describe" -d 'Show the partitions of topics: offsets, records, bytes, segments, and each one\'s share'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete truncate" -f -a "alter" -d 'Change a topic\'s configs, or add partitions'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete truncate" -f -a "delete" -d 'Delete topics with all their records'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and not __fish_seen_subcommand_from create list describe alter delete truncate" -f -a "truncate" -d 'Delete the records of a topic before an offset or a time'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from create" -s p -l partitions -d 'How many partitions each gets' -r
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from create" -s c -l config -d 'A config in Kafka\'s names, such as retention.ms=86400000' -r
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from create" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from create" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from create" -l if-not-exists -d 'Leave a topic as it is that is there already'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from create" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from create" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from create" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from list" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from list" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from list" -l internal -d 'Kafka\'s own topics too'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from list" -s J -l json -d 'One JSON object a line'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from list" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from describe" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from describe" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from describe" -s J -l json -d 'One JSON object a line'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from describe" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from describe" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from describe" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from describe" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from alter" -s p -l partitions -d 'How many partitions it is to have; never fewer than it has' -r
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from alter" -s c -l config -d 'A config to set' -r
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from alter" -l unset -d 'A config to put back to its default' -r
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from alter" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from alter" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from alter" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from alter" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from alter" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from alter" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from delete" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from delete" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from delete" -s y -l yes -d 'Do not ask'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from delete" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from delete" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from delete" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from truncate" -s p -l partition -d 'Only these partitions, as in 0,2-4' -r
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from truncate" -l before -d 'The first offset to keep: OFFSET, @TIME, end, or -N for the last N' -r
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from truncate" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from truncate" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from truncate" -s y -l yes -d 'Do not ask'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from truncate" -s J -l json -d 'One JSON object a line'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from truncate" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from truncate" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from truncate" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand topic; and __fish_seen_subcommand_from truncate" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand produce" -s K -l key-delim -d 'A line is KEY S VALUE, split at the first S' -r
complete -c runnel -n "__fish_runnel_using_subcommand produce" -s D -l delim -d 'Records end with S; \\t \\n \\r \\0 \\\\ \\xNN are understood [default: \\n]' -r
complete -c runnel -n "__fish_runnel_using_subcommand produce" -l format -d 'Records in a format, as `consume --format` prints it' -r
complete -c runnel -n "__fish_runnel_using_subcommand produce" -l null-marker -d 'A key or value of S is null' -r
complete -c runnel -n "__fish_runnel_using_subcommand produce" -s k -l key -d 'The key of every record' -r
complete -c runnel -n "__fish_runnel_using_subcommand produce" -l key-from -d 'The key of each record, by a jq program over its value' -r
complete -c runnel -n "__fish_runnel_using_subcommand produce" -s H -l header -d 'A header of every record' -r
complete -c runnel -n "__fish_runnel_using_subcommand produce" -s p -l partition -d 'The partition of every record [default: by key, or each in turn]' -r
complete -c runnel -n "__fish_runnel_using_subcommand produce" -l ts -d 'The time of records that bring none: a date, a time, or a duration ago [default: now]' -r
complete -c runnel -n "__fish_runnel_using_subcommand produce" -l ts-from -d 'The time of each record, by a jq program over its value' -r
complete -c runnel -n "__fish_runnel_using_subcommand produce" -l key-serde -d 'What keys hold: bytes, string, json, short, int, long, float, double or uuid' -r
complete -c runnel -n "__fish_runnel_using_subcommand produce" -l value-serde -d 'What values hold' -r
complete -c runnel -n "__fish_runnel_using_subcommand produce" -s z -l compression -d 'Compress batches: none, gzip, snappy, lz4 or zstd' -r
complete -c runnel -n "__fish_runnel_using_subcommand produce" -l acks -d 'When a record counts as stored: all (on disk), 1 (written) or 0' -r -f -a "all\t''
1\t''
0\t''"
complete -c runnel -n "__fish_runnel_using_subcommand produce" -l transactional-id -d 'The whole input or nothing, as one transaction; who has ID besides is fenced' -r
complete -c runnel -n "__fish_runnel_using_subcommand produce" -l topic -d 'As of Kafka\'s console producer' -r
complete -c runnel -n "__fish_runnel_using_subcommand produce" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand produce" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand produce" -s l -l lines -d 'Each line of the files is a record'
complete -c runnel -n "__fish_runnel_using_subcommand produce" -s 0 -l null-delim -d 'Records end with a zero byte'
complete -c runnel -n "__fish_runnel_using_subcommand produce" -s J -l json -d 'A JSON envelope a line, as `consume -J` prints it'
complete -c runnel -n "__fish_runnel_using_subcommand produce" -l frame -d 'Length-prefixed binary records, as `consume --frame` prints them'
complete -c runnel -n "__fish_runnel_using_subcommand produce" -s Z -l empty-null -d 'An empty key or value is null'
complete -c runnel -n "__fish_runnel_using_subcommand produce" -l keep-partition -d 'With -J: into the partition that the envelope names'
complete -c runnel -n "__fish_runnel_using_subcommand produce" -l no-create -d 'Fail if the topic is not there'
complete -c runnel -n "__fish_runnel_using_subcommand produce" -l stats -d 'Print one JSON line about what was done on standard error'
complete -c runnel -n "__fish_runnel_using_subcommand produce" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand produce" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand produce" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand produce" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand consume" -s o -l offset -d 'Where to start, or START:STOP: beginning, end, N, -N (before the end), @TIME' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l since -d 'From this time on: a duration ago (2h), a date, a time' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l until -d 'Before this time' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -s n -l tail -d 'The last N that match, over all partitions, by time' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -s c -l count -d 'Stop after N' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -s p -l partition -d 'Partitions, as in 0,2-4' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l key -d 'Only records with this key' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l grep -d 'Only records whose value matches a regular expression' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l header -d 'Only records with this header' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l where -d 'Only records for which a jq program gives anything but false and null' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l isolation -d 'Of transactions: read-committed or read-uncommitted [default: read-committed]' -r -f -a "read-committed\t'Those of committed ones'
read-uncommitted\t'All of them'"
complete -c runnel -n "__fish_runnel_using_subcommand consume" -s g -l group -d 'Go on where the group stands, commit what was written, share the partitions with its members' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l cursor-file -d 'Go on where this file says, and note in it what was written' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l commit -d 'Whether to commit what was written: auto or none' -r -f -a "auto\t'Every second, and at the end'
none\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l timeout -d 'Stop after this time, with status 124' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l idle -d 'With -f: stop when nothing has come for this long' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l require -d 'End with status 3 if fewer than N were printed' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l format -d 'A format: %s value, %k key, %h headers, %T timestamp, %t topic, %p partition, %o offset' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -s K -l key-delim -d 'The key and S before each value' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -s D -l delim -d 'S after each record [default: \\n]' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l null-marker -d 'What a null key or value is printed as' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l order -d 'Merge the partitions by timestamp' -r -f -a "time\t'By timestamp'"
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l key-serde -d 'What keys hold: bytes, string, json, short, int, long, float, double or uuid' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l value-serde -d 'What values hold' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l topic -d 'As of Kafka\'s console consumer' -r
complete -c runnel -n "__fish_runnel_using_subcommand consume" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand consume" -s f -l follow -d 'Go on with what comes, from the beginning unless -o or -n say otherwise'
complete -c runnel -n "__fish_runnel_using_subcommand consume" -s e -l exit -d 'Stop at the end of the log as it is now: the default'
complete -c runnel -n "__fish_runnel_using_subcommand consume" -s J -l json -d 'A JSON envelope a line'
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l json-value -d 'As -J, values that are JSON standing as such'
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l raw -d 'Nothing after each record'
complete -c runnel -n "__fish_runnel_using_subcommand consume" -s 0 -l null-delim -d 'A zero byte after each record'
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l frame -d 'Length-prefixed binary records'
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l from-beginning -d 'As of Kafka\'s console consumer'
complete -c runnel -n "__fish_runnel_using_subcommand consume" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand consume" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand consume" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand consume" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l key -d 'The key of each result, where `.` is the result and $key the key that was' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l ts-from -d 'The time of each record: a number of seconds or milliseconds, or a time with a zone' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l header -d 'A header that each result gets' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l branch -d 'Results for which a program holds go to this topic; the first that holds counts' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l to -d 'The topic of the results that no branch takes, made if it is not there; else they are printed' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l exec -d 'Each result\'s value as a line through a command that is kept running and gives a line back' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l join -d 'A table beside each record, or the latest of each key in a topic' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l on -d 'The key to look up, which becomes the record\'s; else its own' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l join-stream -d 'Records of another topic, with the same key and near in time' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l within -d 'How far apart their timestamps may be' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l grace -d 'How much later records may come [default: 0]' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l id -d 'A name, under which it goes on where it stood, and sends each result exactly once' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l threads -d 'With --id: how many partitions are worked at at once [default: as many as there are cores]' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l commit-interval -d 'With --id: how often results are kept and sent [default: 100ms]' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l guarantee -d 'With --id: exactly-once, or at-least-once: without transactions, so that readers see results at once' -r -f -a "exactly-once\t''
at-least-once\t''"
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l drop -d 'Forget the stream of this name, and how far it came' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l on-error -d 'What becomes of a record that fails: fail (the run ends), skip (it is left out), or dead-letter=TOPIC' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l idle -d 'With -f: stop, windows closed, when nothing has come for this long' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -s K -l key-delim -d 'Print the key and S before each value' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l key-serde -d 'What keys hold: bytes, string, json, short, int, long, float, double, uuid; IN:OUT if they differ' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l value-serde -d 'What values hold: the same' -r
complete -c runnel -n "__fish_runnel_using_subcommand stream" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l global -d 'The whole table is read first; the record keeps its key'
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l left -d 'Keep records that have no match'
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l outer -d 'Keep records of both streams that have no match'
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l per-partition -d 'With --id, of joins that keep something: a task for each partition, which cores and copies share'
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l close -d 'With --id: close the windows of joins that are open at the end'
complete -c runnel -n "__fish_runnel_using_subcommand stream" -s f -l follow -d 'Go on with what comes'
complete -c runnel -n "__fish_runnel_using_subcommand stream" -s J -l json -d 'One JSON envelope a line, as of `consume`'
complete -c runnel -n "__fish_runnel_using_subcommand stream" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand stream" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand stream" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand stream" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand get" -l at -d 'As it was then: of records with a timestamp up to this time' -r
complete -c runnel -n "__fish_runnel_using_subcommand get" -l key-serde -d 'What keys hold: bytes, string, json, short, int, long, float, double or uuid' -r
complete -c runnel -n "__fish_runnel_using_subcommand get" -l value-serde -d 'What values hold' -r
complete -c runnel -n "__fish_runnel_using_subcommand get" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand get" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand get" -l raw -d 'Nothing after the value'
complete -c runnel -n "__fish_runnel_using_subcommand get" -s J -l json -d 'One JSON object a line: key, value, ts'
complete -c runnel -n "__fish_runnel_using_subcommand get" -l csv -d 'CSV with a header line'
complete -c runnel -n "__fish_runnel_using_subcommand get" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand get" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand get" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand get" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand table; and not __fish_seen_subcommand_from create update show list describe drop view" -l prefix -d 'Only rows whose keys start so' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and not __fish_seen_subcommand_from create update show list describe drop view" -l at -d 'As it was then: of records with a timestamp up to this time' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and not __fish_seen_subcommand_from create update show list describe drop view" -l key-serde -d 'What keys hold: bytes, string, json, short, int, long, float, double or uuid' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and not __fish_seen_subcommand_from create update show list describe drop view" -l value-serde -d 'What values hold' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and not __fish_seen_subcommand_from create update show list describe drop view" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand table; and not __fish_seen_subcommand_from create update show list describe drop view" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand table; and not __fish_seen_subcommand_from create update show list describe drop view" -s J -l json -d 'One JSON object a line: key, value, ts'
complete -c runnel -n "__fish_runnel_using_subcommand table; and not __fish_seen_subcommand_from create update show list describe drop view" -l csv -d 'CSV with a header line'
complete -c runnel -n "__fish_runnel_using_subcommand table; and not __fish_seen_subcommand_from create update show list describe drop view" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand table; and not __fish_seen_subcommand_from create update show list describe drop view" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand table; and not __fish_seen_subcommand_from create update show list describe drop view" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand table; and not __fish_seen_subcommand_from create update show list describe drop view" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand table; and not __fish_seen_subcommand_from create update show list describe drop view" -a "create" -d 'Make a table of a topic or of another table'
complete -c runnel -n "__fish_runnel_using_subcommand table; and not __fish_seen_subcommand_from create update show list describe drop view" -a "update" -d 'Bring a table up to date, from cron or with -f'
complete -c runnel -n "__fish_runnel_using_subcommand table; and not __fish_seen_subcommand_from create update show list describe drop view" -a "show" -d 'Show the rows of a table'
complete -c runnel -n "__fish_runnel_using_subcommand table; and not __fish_seen_subcommand_from create update show list describe drop view" -a "list" -d 'Print the names of tables, one a line'
complete -c runnel -n "__fish_runnel_using_subcommand table; and not __fish_seen_subcommand_from create update show list describe drop view" -a "describe" -d 'Show what a table is made of, and how far behind it is'
complete -c runnel -n "__fish_runnel_using_subcommand table; and not __fish_seen_subcommand_from create update show list describe drop view" -a "drop" -d 'Drop a table with all that is kept of it'
complete -c runnel -n "__fish_runnel_using_subcommand table; and not __fish_seen_subcommand_from create update show list describe drop view" -a "view" -d 'Show a topic as a table, also one that is called like a command'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l from -d 'The topic whose records are aggregated, or the table whose rows are' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l ts-from -d 'The time of each record of a topic: seconds, milliseconds, or a time with a zone' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l join -d 'A table or topic beside each record or row, by key, as $ALIAS' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l on -d 'The key to look up there: for rows, a foreign key' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l where -d 'Only records or rows for which a program gives anything but false and null' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l value -d 'The value of each' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l by -d 'The group of each; else its key' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l agg -d 'count, sum(JQ), min(JQ), max(JQ), avg(JQ), first(JQ), last(JQ), collect(JQ) or reduce(INIT; UPDATE); NAME= before it' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l window -d 'tumbling=5m, hopping=5m/1m, sliding=5m or session=30s' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l grace -d 'How long windows wait for late records [default: 0]' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l emit -d 'change [default]; final: each window once, when it is closed; every=1m: what changed, so often' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l commit-interval -d 'How often changes come out; 0 for each one [default: 100ms]' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l cache-max-bytes -d 'Bytes of changes that may wait until then [default: 10m]' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l to -d 'The topic that changes go to, made if it is not there' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l key-serde -d 'What keys hold: bytes, string, json, short, int, long, float, double, uuid; IN:OUT; OUT may be windowed' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l value-serde -d 'What values hold: the same, but windowed' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l latest -d 'Of a topic: the latest record of each key is a row'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l if-not-exists -d 'It is no error if the same table is there already'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l left -d 'Keep what has no match there'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l outer -d 'Of two tables: keep the rows of both that have no match'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l global -d 'One task has all partitions, which is the default'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l per-partition -d 'A task for each partition, with rows of its own, which cores and copies share'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from update" -l idle -d 'With -f: stop, windows closed, when nothing has come for this long' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from update" -l on-error -d 'What becomes of a record that fails: fail (the run ends), skip (it is left out), or dead-letter=TOPIC' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from update" -l commit-interval -d 'How often changes come out; 0 for each one [default: what the table says]' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from update" -l cache-max-bytes -d 'Bytes of changes that may wait until then [default: what the table says]' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from update" -l threads -d 'How many tasks are worked at at once, of a table that has several [default: as many as there are cores]' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from update" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from update" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from update" -s f -l follow -d 'Go on with what comes'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from update" -l close -d 'Close the windows that are open at the end: what comes for them later is late'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from update" -l rebuild -d 'Forget what is kept, and make it again from the beginning of the topics'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from update" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from update" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from update" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from update" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from show" -l prefix -d 'Only rows whose keys start so' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from show" -l window -d 'Only windows that a time is in' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from show" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from show" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from show" -s f -l follow -d 'A live view, in a terminal: q ends it'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from show" -s J -l json -d 'One JSON object a line: key, value, ts'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from show" -l csv -d 'CSV with a header line'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from show" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from list" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from list" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from list" -s J -l json -d 'One JSON object a line'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from list" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from describe" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from describe" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from describe" -s J -l json -d 'One JSON object'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from describe" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from describe" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from describe" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from describe" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from drop" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from drop" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from drop" -l with-topics -d 'Delete the topic that its changes went to, too'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from drop" -s y -l yes -d 'Do not ask'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from drop" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from drop" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from drop" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from drop" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from view" -l prefix -d 'Only rows whose keys start so' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from view" -l at -d 'As it was then: of records with a timestamp up to this time' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from view" -l key-serde -d 'What keys hold: bytes, string, json, short, int, long, float, double or uuid' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from view" -l value-serde -d 'What values hold' -r
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from view" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from view" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from view" -s J -l json -d 'One JSON object a line: key, value, ts'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from view" -l csv -d 'CSV with a header line'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from view" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from view" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from view" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand table; and __fish_seen_subcommand_from view" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand group; and not __fish_seen_subcommand_from list describe lag set delete" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand group; and not __fish_seen_subcommand_from list describe lag set delete" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand group; and not __fish_seen_subcommand_from list describe lag set delete" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand group; and not __fish_seen_subcommand_from list describe lag set delete" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand group; and not __fish_seen_subcommand_from list describe lag set delete" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand group; and not __fish_seen_subcommand_from list describe lag set delete" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand group; and not __fish_seen_subcommand_from list describe lag set delete" -f -a "list" -d 'Print the names of groups, one a line'
complete -c runnel -n "__fish_runnel_using_subcommand group; and not __fish_seen_subcommand_from list describe lag set delete" -f -a "describe" -d 'Show where a group stands in each partition, how far it is behind, and who reads'
complete -c runnel -n "__fish_runnel_using_subcommand group; and not __fish_seen_subcommand_from list describe lag set delete" -f -a "lag" -d 'Show how far a group is behind; status 3 where that is more than it may be'
complete -c runnel -n "__fish_runnel_using_subcommand group; and not __fish_seen_subcommand_from list describe lag set delete" -f -a "set" -d 'Set where a group goes on; prints the plan, and does it when told yes'
complete -c runnel -n "__fish_runnel_using_subcommand group; and not __fish_seen_subcommand_from list describe lag set delete" -f -a "delete" -d 'Forget a group and all that it has committed'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from list" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from list" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from list" -s J -l json -d 'One JSON object a line'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from list" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from describe" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from describe" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from describe" -s J -l json -d 'One JSON object a line'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from describe" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from describe" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from describe" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from describe" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from lag" -l max-lag -d 'End with status 3 if a partition has more than N records that the group has not read' -r
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from lag" -l max-lag-ms -d 'End with status 3 if the first of them is older than this' -r
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from lag" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from lag" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from lag" -s J -l json -d 'One JSON object a line'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from lag" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from lag" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from lag" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from lag" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from set" -l to -d 'Where to: beginning, end, OFFSET, @TIME; +N or -N from where the group stands' -r
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from set" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from set" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from set" -s y -l yes -d 'Do not ask'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from set" -s J -l json -d 'The plan as one JSON object a line'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from set" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from delete" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from delete" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from delete" -s y -l yes -d 'Do not ask'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from delete" -s J -l json -d 'The plan as one JSON object a line'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from delete" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from delete" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from delete" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand group; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand serve" -s l -l listen -d 'Where to listen; port 0 lets the system pick one [default: 127.0.0.1:9092]' -r
complete -c runnel -n "__fish_runnel_using_subcommand serve" -l advertise -d 'What clients are told to connect to, where it is not what is listened on' -r
complete -c runnel -n "__fish_runnel_using_subcommand serve" -l addr-file -d 'Write HOST:PORT of the first listener to a file, once it answers' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand serve" -s c -l config -d 'A broker setting, in Kafka\'s names' -r
complete -c runnel -n "__fish_runnel_using_subcommand serve" -l metrics -d 'Answer Prometheus there, under /metrics' -r
complete -c runnel -n "__fish_runnel_using_subcommand serve" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand serve" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand serve" -l ephemeral -d 'Serve a directory that is made for it and removed afterwards; nothing is synced'
complete -c runnel -n "__fish_runnel_using_subcommand serve" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand serve" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand serve" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand serve" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand log; and not __fish_seen_subcommand_from dump repair verify retain compact" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand log; and not __fish_seen_subcommand_from dump repair verify retain compact" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand log; and not __fish_seen_subcommand_from dump repair verify retain compact" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand log; and not __fish_seen_subcommand_from dump repair verify retain compact" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand log; and not __fish_seen_subcommand_from dump repair verify retain compact" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand log; and not __fish_seen_subcommand_from dump repair verify retain compact" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand log; and not __fish_seen_subcommand_from dump repair verify retain compact" -f -a "dump" -d 'Print what the files of a log hold: batches and records, entries of indexes, producers'
complete -c runnel -n "__fish_runnel_using_subcommand log; and not __fish_seen_subcommand_from dump repair verify retain compact" -f -a "repair" -d 'Take out of a log what is damaged, and make anew what stands beside it: the plan, then the deed'
complete -c runnel -n "__fish_runnel_using_subcommand log; and not __fish_seen_subcommand_from dump repair verify retain compact" -f -a "verify" -d 'Check every checksum and every index entry; findings go to standard output, one a line'
complete -c runnel -n "__fish_runnel_using_subcommand log; and not __fish_seen_subcommand_from dump repair verify retain compact" -f -a "retain" -d 'Remove segments that are older or more than retention.ms and retention.bytes say'
complete -c runnel -n "__fish_runnel_using_subcommand log; and not __fish_seen_subcommand_from dump repair verify retain compact" -f -a "compact" -d 'Keep only the last record of each key, in topics whose cleanup.policy says compact'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from dump" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from dump" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from dump" -l batches -d 'Batches alone, without their records'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from dump" -s J -l json -d 'One JSON object a line'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from dump" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from dump" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from dump" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from dump" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from repair" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from repair" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from repair" -s y -l yes -d 'Do what the plan says'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from repair" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from repair" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from repair" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from repair" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from verify" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from verify" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from verify" -s J -l json -d 'One JSON object a line'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from verify" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from retain" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from retain" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from retain" -l dry-run -d 'Only say what is due'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from retain" -s J -l json -d 'One JSON object a line'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from retain" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from retain" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from retain" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from retain" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from compact" -l memory -d 'Megabytes of memory for the keys of a partition; more keys take more rounds [default: as log.cleaner.dedupe.buffer.size says, 134]' -r
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from compact" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from compact" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from compact" -l now -d 'Compact now, however little there is to gain; begins a new segment first'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from compact" -l dry-run -d 'Only say what is due'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from compact" -s J -l json -d 'One JSON object a line'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from compact" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from compact" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from compact" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand log; and __fish_seen_subcommand_from compact" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand backup" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand backup" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand backup" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand backup" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand backup" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand backup" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand restore" -l topic -d 'Only this topic; may be given several times' -r
complete -c runnel -n "__fish_runnel_using_subcommand restore" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand restore" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand restore" -l list -l dry-run -d 'Only check the backup, and print what is in it'
complete -c runnel -n "__fish_runnel_using_subcommand restore" -s J -l json -d 'With --list: one JSON object a line'
complete -c runnel -n "__fish_runnel_using_subcommand restore" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand restore" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand restore" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand restore" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand completions" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand completions" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand completions" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand completions" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand completions" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand completions" -s h -l help -d 'Print help'
complete -c runnel -n "__fish_runnel_using_subcommand man" -s d -l dir -d 'The local log directory [default: $XDG_DATA_HOME/runnel]' -r -F
complete -c runnel -n "__fish_runnel_using_subcommand man" -l color -d 'When to use colours' -r -f -a "auto\t'In a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c runnel -n "__fish_runnel_using_subcommand man" -l trust-dir -d 'Use the directory though others own it or may write there'
complete -c runnel -n "__fish_runnel_using_subcommand man" -s q -l quiet -d 'Print no warnings and no progress'
complete -c runnel -n "__fish_runnel_using_subcommand man" -s v -l verbose -d 'Say what is done; twice, say more'
complete -c runnel -n "__fish_runnel_using_subcommand man" -s h -l help -d 'Print help'
