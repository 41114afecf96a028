// Whether lossgazer sees, keeps up with and accounts for everything.

import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';

import {
  ANY_STEPS,
  FILL_STEPS,
  frame,
  instanceVariable,
  labelVariable,
  row,
  rows,
  single,
  states,
  timeSeries,
} from './panels.js';
import {ofLossgazer, rate, share, sum} from './queries.js';

const OURS = 'instance=~"$instance"';
const ofInterface = (more = '') =>
  `instance=~"$instance", interface=~"$interface"${more && `, ${more}`}`;
const gauge = (name, matchers = OURS) => `lossgazer_${name}{${matchers}}`;
const TABLE = 'instance, interface';

const captured = (by = '') => sum(rate('capture_packets_total', ofInterface()), by);
const dropped = (by = '', more = '') =>
  sum(rate('capture_dropped_packets_total', ofInterface(more)), by);

/** What came is captured, or dropped before it could be. */
const droppedShare = (by = '') =>
  share(dropped(by), `(${captured(by)} + ${dropped(by, 'stage=~"interface|kernel"')})`);

/** Captured frames without a fate yet: those in the queues. */
const unaccounted =
  `sum by (${TABLE}) (${gauge('capture_packets_total', ofInterface())})` +
  ['judged', 'ignored', 'unparsed']
    .map(
      (fate) => ` - sum by (${TABLE}) (${gauge(`capture_${fate}_packets_total`, ofInterface())})`,
    )
    .join('') +
  ` - sum by (${TABLE}) (` +
  `${gauge('capture_dropped_packets_total', ofInterface('stage=~"queue|flow_table"'))})`;

const lastFrameAge = `time() - ${gauge('capture_last_packet_timestamp_seconds', ofInterface())}`;
const queueFill =
  `${gauge('queue_packets')} / on (job, instance) group_left () ` + `(${gauge('queue_limit')} > 0)`;
const flowFill = share(gauge('flows'), gauge('flow_limit'));
const peerFill = share(gauge('peers'), gauge('peer_limit'));

const NO_OR_YES = /** @type {dashboard.ValueMapping[]} */ ([
  {
    type: dashboard.MappingType.ValueToText,
    options: {
      0: {text: 'down', color: 'red', index: 0},
      1: {text: 'captured', color: 'green', index: 1},
    },
  },
]);

export function captureHealth() {
  return frame({
    uid: 'lossgazer-capture-health',
    title: 'lossgazer / Capture health',
    description: 'Whether lossgazer sees everything, keeps up with it, and accounts for it.',
    range: 'now-1h',
    variables: [
      instanceVariable(),
      labelVariable({
        name: 'interface',
        label: 'Interface',
        description: 'The network interfaces that are captured.',
        values: 'label_values(lossgazer_capture_packets_total{instance=~"$instance"}, interface)',
      }),
    ],
  })
    .withRow(row('Now'))
    .withPanel(
      single({
        title: 'Interfaces down',
        description: 'Interfaces that are to be captured and are not. Healthy: 0.',
        queries: [
          {expr: `count(${gauge('capture_interface_up', ofInterface())} == 0) or vector(0)`},
        ],
        unit: 'short',
        steps: ANY_STEPS,
        span: 3,
      }),
    )
    .withPanel(
      single({
        title: 'Dropped',
        description:
          'Share of frames that the capture itself missed, at any stage: what they showed is ' +
          'not counted. Healthy: 0.',
        queries: [{expr: droppedShare()}],
        unit: 'percentunit',
        steps: ANY_STEPS,
        span: 3,
      }),
    )
    .withPanel(
      single({
        title: 'Oldest last frame',
        description:
          'How long ago the latest frame came, on the interface where it is longest. Healthy: ' +
          'seconds, wherever there is traffic.',
        queries: [{expr: `max(${lastFrameAge})`}],
        unit: 's',
        steps: [
          [300, 'orange'],
          [900, 'red'],
        ],
        span: 3,
      }),
    )
    .withPanel(
      single({
        title: 'Busiest worker',
        description:
          'Share of its time that the busiest worker spends judging. Healthy: below 80 %.',
        queries: [{expr: `max(${rate('worker_busy_seconds_total', OURS)})`}],
        unit: 'percentunit',
        steps: FILL_STEPS,
        span: 3,
      }),
    )
    .withPanel(
      single({
        title: 'Fullest queue',
        description:
          'Packets that wait for a worker, of what its queue holds; beyond it they are dropped. ' +
          'Healthy: near 0 %.',
        queries: [{expr: `max(${queueFill})`}],
        unit: 'percentunit',
        steps: FILL_STEPS,
        span: 3,
      }),
    )
    .withPanel(
      single({
        title: 'Flows, of the limit',
        description:
          'Flows tracked, of --flows.max. Healthy: below 80 %; beyond, flows are evicted.',
        queries: [{expr: `max(${flowFill})`}],
        unit: 'percentunit',
        steps: FILL_STEPS,
        span: 3,
      }),
    )
    .withPanel(
      single({
        title: 'Peers, of the limit',
        description:
          'Peers with series of their own, of --peers.max. Healthy: below 100 %; beyond, the ' +
          'rest count as peer other.',
        queries: [{expr: `max(${peerFill})`}],
        unit: 'percentunit',
        steps: FILL_STEPS,
        span: 3,
      }),
    )
    .withPanel(
      single({
        title: 'Reloads refused',
        description:
          'Instances whose last reload of the configuration failed: they run with the one ' +
          'before it. Healthy: 0.',
        queries: [{expr: `count(${gauge('config_last_reload_successful')} == 0) or vector(0)`}],
        unit: 'short',
        steps: ANY_STEPS,
        span: 3,
      }),
    )
    .withRow(row('Does it see?'))
    .withPanel(
      states({
        title: 'Interfaces',
        description:
          'Whether each interface is being captured. Healthy: all green, all along. One that is ' +
          'gone is opened again when it returns.',
        queries: [
          {
            expr: gauge('capture_interface_up', ofInterface()),
            legend: '{{instance}} {{interface}}',
          },
        ],
        unit: 'none',
        mappings: NO_OR_YES,
        span: 12,
        height: 8,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Age of the last frame',
        description:
          'Time since the latest frame of each interface. Healthy: a low saw-tooth; a steady ' +
          'climb means that nothing comes in.',
        queries: [{expr: lastFrameAge, legend: '{{instance}} {{interface}}'}],
        unit: 's',
        span: 12,
      }),
    )
    .withRow(row('Is every frame accounted for?'))
    .withPanel(
      timeSeries({
        title: 'What became of captured frames',
        description:
          'Judged, ignored, unparsed and dropped in queue or flow table, stacked; together they ' +
          'are the dashed line of captured frames. Healthy: nearly all judged.',
        queries: [
          {expr: captured(), legend: 'captured'},
          {expr: sum(rate('capture_judged_packets_total', ofInterface())), legend: 'judged'},
          {expr: sum(rate('capture_ignored_packets_total', ofInterface())), legend: 'ignored'},
          {expr: sum(rate('capture_unparsed_packets_total', ofInterface())), legend: 'unparsed'},
          {expr: dropped('', 'stage=~"queue|flow_table"'), legend: 'dropped after capture'},
        ],
        unit: 'pps',
        stacked: true,
        unstacked: ['captured'],
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Frames without a fate',
        description:
          'Captured, but not yet judged, ignored, unparsed or dropped: those that wait in a ' +
          'queue. Healthy: near 0, and 0 at rest. It never grows for long.',
        queries: [{expr: unaccounted, legend: '{{instance}} {{interface}}'}],
        unit: 'short',
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Dropped, by stage',
        description:
          'Frames the capture missed: interface (the card), kernel (the ring was full: ' +
          '--capture.buffer), queue (workers too slow: --analyzer.workers), flow_table ' +
          '(--flows.max). Healthy: 0.',
        queries: [
          {
            expr: dropped('instance, interface, stage'),
            legend: '{{instance}} {{interface}} {{stage}}',
          },
        ],
        unit: 'pps',
        stacked: true,
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Dropped, as a share',
        description:
          'Dropped at any stage, of all that came. Healthy: 0; an alert begins at 0.1 %.',
        queries: [{expr: droppedShare(TABLE), legend: '{{instance}} {{interface}}'}],
        unit: 'percentunit',
        steps: [[0.001, 'red']],
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Ignored, by reason',
        description:
          'TCP packets not judged: no_local_end (neither end is ours: see --local), excluded ' +
          '(--peers.exclude), copy (the same packet on a second interface). Healthy: ' +
          'no_local_end at 0, but for mirror ports.',
        queries: [
          {
            expr: sum(rate('capture_ignored_packets_total', ofInterface()), 'interface, reason'),
            legend: '{{interface}} {{reason}}',
          },
        ],
        unit: 'pps',
        stacked: true,
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Unparsed, by reason',
        description:
          'Frames without a readable TCP header. Healthy: truncated and malformed at 0; ' +
          'fragment, not_ip and not_tcp are others’ traffic.',
        queries: [
          {
            expr: sum(rate('capture_unparsed_packets_total', ofInterface()), 'interface, reason'),
            legend: '{{interface}} {{reason}}',
          },
        ],
        unit: 'pps',
        stacked: true,
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Ring',
        description:
          'The buffer that the kernel granted. Healthy: what --capture.buffer asked for; the ' +
          'kernel gives less, without a word, when memory is short.',
        queries: [
          {
            expr: gauge('capture_buffer_bytes', ofInterface()),
            legend: '{{instance}} {{interface}}',
          },
        ],
        unit: 'bytes',
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Capture opened again',
        description:
          'How often a capture was opened again after it failed, in five minutes. Healthy: 0.',
        queries: [
          {
            expr: `increase(${gauge('capture_restarts_total', ofInterface())}[5m])`,
            legend: '{{instance}} {{interface}}',
          },
        ],
        unit: 'short',
        steps: ANY_STEPS,
        span: 12,
      }),
    )
    .withRow(row('Does the kernel agree?'))
    .withPanel(
      timeSeries({
        title: 'Retransmissions, ours over the kernel’s',
        description:
          'What lossgazer counted of what this host sent again, over what its kernel did ' +
          '(TcpRetransSegs), in the last five minutes. No data where the two cannot be compared: ' +
          'too few, or the capture leaves something out. Healthy: 0.95 to 1.05.',
        queries: [{expr: gauge('kernel_agreement_ratio'), legend: '{{instance}}'}],
        unit: 'percentunit',
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Sent again, by the kernel’s count',
        description:
          'Segments that each host’s kernel sent again, to all peers, as a share of those it ' +
          'sent. Healthy: below 1 %.',
        queries: [
          {
            expr: share(
              sum(rate('kernel_retransmitted_segments_total', OURS), 'instance'),
              sum(rate('kernel_sent_segments_total', OURS), 'instance'),
            ),
            legend: '{{instance}}',
          },
        ],
        unit: 'percentunit',
        span: 12,
      }),
    )
    .withRow(row('Does it keep up?'))
    .withPanel(
      timeSeries({
        title: 'Workers: busy',
        description:
          'Share of its time that each worker spends judging. Healthy: below 80 %, and even. ' +
          'One high among low ones is a single heavy flow.',
        queries: [
          {expr: rate('worker_busy_seconds_total', OURS), legend: '{{instance}} worker {{worker}}'},
        ],
        unit: 'percentunit',
        steps: FILL_STEPS,
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Queues: filled',
        description:
          'Packets that wait for each worker, of what its queue holds. Healthy: near 0 %; at ' +
          '100 % packets are dropped (stage queue).',
        queries: [{expr: queueFill, legend: '{{instance}} worker {{worker}}'}],
        unit: 'percentunit',
        steps: FILL_STEPS,
        span: 12,
      }),
    )
    .withRow(row('Is there room?'))
    .withPanel(
      timeSeries({
        title: 'Flows',
        description: 'Flows tracked, and how many may be (--flows.max). Healthy: well below.',
        queries: [
          {expr: gauge('flows'), legend: '{{instance}} flows'},
          {expr: gauge('flow_limit'), legend: '{{instance}} limit'},
        ],
        unit: 'short',
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Flows forgotten, by reason',
        description:
          'closed and idle are the ends of flows; evicted made room for others. Healthy: ' +
          'evicted at 0; else raise --flows.max.',
        queries: [{expr: sum(rate('flows_expired_total', OURS), 'reason'), legend: '{{reason}}'}],
        unit: 'ops',
        stacked: true,
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'No room for what was lost or sent again',
        description:
          'How often what was to be kept of a flow in trouble found no room, so that loss may go ' +
          'uncounted. Healthy: 0; else someone floods us, or far too much is lost at once.',
        queries: [{expr: sum(rate('tracking_refusals_total', OURS), 'what'), legend: '{{what}}'}],
        unit: 'ops',
        stacked: true,
        steps: ANY_STEPS,
        span: 24,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Peers',
        description:
          'Peers with series of their own, and how many may have them (--peers.max). Healthy: ' +
          'below.',
        queries: [
          {expr: gauge('peers'), legend: '{{instance}} peers'},
          {expr: gauge('peer_limit'), legend: '{{instance}} limit'},
        ],
        unit: 'short',
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Peers forgotten, by reason',
        description:
          'idle: quiet for --peers.ttl. overflow: no room, and counted as peer other. Healthy: ' +
          'overflow at 0; else raise --peers.max or group peers.',
        queries: [{expr: sum(rate('peers_expired_total', OURS), 'reason'), legend: '{{reason}}'}],
        unit: 'ops',
        stacked: true,
        span: 12,
      }),
    )
    .withRow(row('The process'))
    .withPanel(
      timeSeries({
        title: 'CPU',
        description: 'Cores used. Healthy: as usual; it grows with packets, not with peers.',
        queries: [
          {
            expr: ofLossgazer(`rate(process_cpu_seconds_total{${OURS}}[$__rate_interval])`),
            legend: '{{instance}}',
          },
        ],
        unit: 'short',
        span: 8,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Memory',
        description: 'Resident memory. Healthy: levels off; flows and peers are bounded.',
        queries: [
          {
            expr: ofLossgazer(`process_resident_memory_bytes{${OURS}}`),
            legend: '{{instance}}',
          },
        ],
        unit: 'bytes',
        span: 8,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Open files, of the limit',
        description: 'File descriptors in use, of those allowed. Healthy: below 80 %.',
        queries: [
          {
            expr: ofLossgazer(`process_open_fds{${OURS}} / (process_max_fds{${OURS}} > 0)`),
            legend: '{{instance}}',
          },
        ],
        unit: 'percentunit',
        steps: FILL_STEPS,
        span: 8,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Scrapes: time',
        description: 'How long Prometheus waits for /metrics. Healthy: well below a second.',
        queries: [{expr: ofLossgazer(`scrape_duration_seconds{${OURS}}`), legend: '{{instance}}'}],
        unit: 's',
        span: 8,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Scrapes: series',
        description: 'How many series a scrape brings. Healthy: flat; bounded by --peers.max.',
        queries: [{expr: ofLossgazer(`scrape_samples_scraped{${OURS}}`), legend: '{{instance}}'}],
        unit: 'short',
        span: 8,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Running since',
        description: 'Time since each process started. Healthy: climbs; each drop is a restart.',
        queries: [
          {
            expr: ofLossgazer(`time() - process_start_time_seconds{${OURS}}`),
            legend: '{{instance}}',
          },
        ],
        unit: 's',
        span: 8,
      }),
    )
    .withPanel(
      rows({
        title: 'Builds',
        description: 'Which program runs where. Healthy: one version.',
        span: 24,
        height: 6,
        hidden: ['__name__', 'job', 'Value'],
        columns: [
          {name: 'instance'},
          {name: 'version'},
          {name: 'revision'},
          {name: 'compiler'},
          {name: 'Info', expr: gauge('build_info')},
        ],
      }),
    );
}
