# What bash completes for lossgazer. Made from the option table: change lossgazer.bash.in, or the
# table, and build the target `pages`.

# Offers these words.
_lossgazer_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current")
}

# Offers these words for a list with commas, after its last one.
_lossgazer_list() {
  local before=
  [[ $current == *,* ]] && before=${current%,*},
  mapfile -t COMPREPLY < <(compgen -P "$before" -W "$1" -- "${current##*,}")
  compopt -o nospace 2>/dev/null
}

_lossgazer_files() {
  mapfile -t COMPREPLY < <(compgen -f -- "$current")
  compopt -o filenames 2>/dev/null
}

# Offers values of an option.
_lossgazer_values() {
  case $1 in
    -i | --capture.interface) _lossgazer_words "any $(command ls /sys/class/net 2>/dev/null)" ;;
    -s | --capture.snaplen) : ;;
    -B | --capture.buffer) : ;;
    -f | --capture.filter) : ;;
    --capture.threads) : ;;
    --capture.flow-sample) : ;;
    --local) : ;;
    --analyzer.workers) : ;;
    --flows.max) : ;;
    --flows.idle) : ;;
    --peers.max) : ;;
    --peers.ttl) : ;;
    --peers.exclude) : ;;
    --peers.group) : ;;
    --peers.prefix-v4) : ;;
    --peers.prefix-v6) : ;;
    --web.listen-address) : ;;
    --web.config.file) _lossgazer_files ;;
    --web.telemetry-path) : ;;
    --metrics.labels) _lossgazer_list 'local port' ;;
    --metrics.disable) _lossgazer_list 'packets data_segments payload_bytes lost_packets unanswered_segments census_packets retransmitted_segments retransmitted_bytes spurious_retransmissions handshake_retransmissions reordered_segments duplicate_packets duplicate_acks zero_windows resets ecn_ce_packets unseen_bytes connections rtt_seconds kernel_retransmits' ;;
    --metrics.rtt-buckets) : ;;
    --geoip.asn-db) _lossgazer_files ;;
    --geoip.country-db) _lossgazer_files ;;
    --events.to) : ;;
    --events.peer) : ;;
    --events.verdict) _lossgazer_list 'retransmission spurious_retransmission reordered duplicate keep_alive window_probe' ;;
    --config.file) _lossgazer_files ;;
    --user) _lossgazer_words "$(compgen -u)" ;;
    --log.level) _lossgazer_words 'debug info warning error' ;;
    --log.format) _lossgazer_words 'logfmt json' ;;
    --format) _lossgazer_words 'table json csv events prometheus' ;;
    --explain) : ;;
    --url) : ;;
  esac
}

_lossgazer_takes_value() {
  case $1 in
      -i | \
        --capture.interface | \
        -s | \
        --capture.snaplen | \
        -B | \
        --capture.buffer | \
        -f | \
        --capture.filter | \
        --capture.threads | \
        --capture.flow-sample | \
        --local | \
        --analyzer.workers | \
        --flows.max | \
        --flows.idle | \
        --peers.max | \
        --peers.ttl | \
        --peers.exclude | \
        --peers.group | \
        --peers.prefix-v4 | \
        --peers.prefix-v6 | \
        --web.listen-address | \
        --web.config.file | \
        --web.telemetry-path | \
        --metrics.labels | \
        --metrics.disable | \
        --metrics.rtt-buckets | \
        --geoip.asn-db | \
        --geoip.country-db | \
        --events.to | \
        --events.peer | \
        --events.verdict | \
        --config.file | \
        --user | \
        --log.level | \
        --log.format | \
        --format | \
        --explain | \
        --url)
      return 0
      ;;
  esac
  return 1
}

_lossgazer() {
  COMPREPLY=()
  local current=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]}
  # bash takes --option=value for three words.
  if [[ $current == = ]]; then
    current=
  elif [[ $option == = ]]; then
    option=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  if _lossgazer_takes_value "$option"; then
    _lossgazer_values "$option"
    return
  fi

  local command=live first=yes i
  if [[ ${COMP_WORDS[0]##*/} == lossgazer-report ]]; then
    command=report
  else
    for ((i = 1; i < COMP_CWORD; i++)); do
      if _lossgazer_takes_value "${COMP_WORDS[i]}"; then
        [[ ${COMP_WORDS[i + 1]-} == = ]] && ((i++))
        ((i++))
      elif [[ ${COMP_WORDS[i]} != -* ]]; then
        case ${COMP_WORDS[i]} in
          report | top | check-config | check-health) command=${COMP_WORDS[i]} ;;
        esac
        first=no
        break
      fi
    done
  fi

  local live_options='
      --capture.interface
      --capture.snaplen
      --capture.buffer
      --capture.filter
      --capture.promiscuous
      --capture.threads
      --capture.flow-sample
      --local
      --analyzer.workers
      --flows.max
      --flows.idle
      --peers.max
      --peers.ttl
      --peers.exclude
      --peers.group
      --peers.prefix-v4
      --peers.prefix-v6
      --peers.names
      --web.listen-address
      --web.config.file
      --web.telemetry-path
      --metrics.labels
      --metrics.disable
      --metrics.rtt-buckets
      --geoip.asn-db
      --geoip.country-db
      --kernel.events
      --events.to
      --events.ecs
      --events.peer
      --events.verdict
      --config.file
      --user
      --log.level
      --log.format
      --help --version'
  local report_options='
      --capture.filter
      --local
      --flows.max
      --flows.idle
      --peers.max
      --peers.exclude
      --peers.group
      --peers.prefix-v4
      --peers.prefix-v6
      --events.ecs
      --events.peer
      --events.verdict
      --config.file
      --format
      --explain
      --help --version'
  local top_options='
      --capture.interface
      --capture.snaplen
      --capture.buffer
      --capture.filter
      --capture.promiscuous
      --capture.threads
      --capture.flow-sample
      --local
      --analyzer.workers
      --flows.max
      --flows.idle
      --peers.max
      --peers.ttl
      --peers.exclude
      --peers.group
      --peers.prefix-v4
      --peers.prefix-v6
      --peers.names
      --metrics.labels
      --config.file
      --user
      --url
      --help --version'
  local health_options='
      --web.listen-address
      --web.config.file
      --config.file
      --help'
  case $command in
    live)
      if [[ $current == -* ]]; then
        _lossgazer_words "$live_options"
      elif [[ $first == yes ]]; then
        _lossgazer_words 'report top check-config check-health'
      fi
      ;;
    report)
      if [[ $current == -* ]]; then
        _lossgazer_words "$report_options"
      else
        _lossgazer_files
      fi
      ;;
    top)
      _lossgazer_words "$top_options"
      ;;
    check-config)
      if [[ $current == -* ]]; then
        _lossgazer_words --help
      else
        _lossgazer_files
      fi
      ;;
    check-health)
      _lossgazer_words "$health_options"
      ;;
  esac
}

complete -F _lossgazer lossgazer lossgazer-report
