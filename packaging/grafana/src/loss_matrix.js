// Paths between hosts that all run lossgazer, from both ends.

import {
  LOSS_STEPS,
  frame,
  labelVariable,
  lossHeatmap,
  matrix,
  row,
  rows,
  timeSeries,
  words,
} from './panels.js';

const PATH = 'source=~"$source", destination=~"$destination"';
const bound = (which) =>
  `source_destination_bound:lossgazer_path_loss:ratio_rate5m{${PATH}, bound="${which}"}`;
const view = (end, method) =>
  'source_destination_end_method:lossgazer_path_loss:ratio_rate5m' +
  `{${PATH}, end="${end}", method="${method}"}`;
const packets = (end) =>
  `source_destination_end:lossgazer_path_packets:rate5m{${PATH}, end="${end}"}`;
const byPath = (expression) => `max by (source, destination) (${expression})`;

export function lossMatrix() {
  const ends = 'source_destination_bound:lossgazer_path_loss:ratio_rate5m';
  return frame({
    uid: 'lossgazer-loss-matrix',
    title: 'lossgazer / Loss matrix',
    description: 'Loss between hosts that all run lossgazer, as bounds from both ends.',
    range: 'now-3h',
    variables: [
      labelVariable({
        name: 'source',
        label: 'From',
        description: 'The host that sends.',
        values: `label_values(${ends}, source)`,
      }),
      labelVariable({
        name: 'destination',
        label: 'To',
        description: 'The host that receives.',
        values: `label_values(${ends}, destination)`,
      }),
    ],
  })
    .withPanel(
      words({
        height: 7,
        content:
          'Each path from one host to another is seen twice. Its **source infers** what was ' +
          'lost from what it had to send again; its **destination counts** what did not come ' +
          '(and infers, where there is no census). These are two views, not one number: the ' +
          'source takes needless repeats that nobody reports for losses, and sees no lost ACK; ' +
          'the destination sees nothing of the first and last packets of a flow. So the lower ' +
          'and the higher of the two are shown as **bounds**. Both high: the path loses. Far ' +
          'apart: the source repeats in vain, or acknowledgments are lost. An empty cell: one ' +
          'end or none saw packets in the last five minutes.\n\nNeeds the recording rules of ' +
          'packaging/prometheus/rules/lossgazer-matrix.yml; who is who is told in ' +
          'packaging/prometheus/README.md.',
      }),
    )
    .withRow(row('Now'))
    .withPanel(
      matrix({
        title: 'At least lost',
        description:
          'The lower bound, from row to column: what both ends say was lost. Healthy: below 0.1 ' +
          '%. A bad row is a source or its uplink, a bad column a destination, a single cell a ' +
          'path.',
        expr: byPath(bound('lower')),
        span: 12,
      }),
    )
    .withPanel(
      matrix({
        title: 'At most lost',
        description:
          'The upper bound, from row to column: what one end or the other says was lost. ' +
          'Healthy: below 0.1 %.',
        expr: byPath(bound('upper')),
        span: 12,
      }),
    )
    .withPanel(
      rows({
        title: 'Both ends, side by side',
        description:
          'Each path with its bounds, what each end says and how it knows, and the packets that ' +
          'each saw. Healthy: the bounds below 0.1 %. Packets at the source and none at the ' +
          'destination: nothing arrives, or it arrives under another address.',
        span: 24,
        sortBy: 'At least',
        columns: [
          {name: 'source'},
          {name: 'destination'},
          {name: 'At least', expr: byPath(bound('lower')), unit: 'percentunit', steps: LOSS_STEPS},
          {name: 'At most', expr: byPath(bound('upper')), unit: 'percentunit', steps: LOSS_STEPS},
          {
            name: 'Source infers',
            expr: byPath(view('source', 'sequence')),
            unit: 'percentunit',
          },
          {
            name: 'Destination counts',
            expr: byPath(view('destination', 'census')),
            unit: 'percentunit',
          },
          {
            name: 'Destination infers',
            expr: byPath(view('destination', 'sequence')),
            unit: 'percentunit',
          },
          {name: 'Packets at source', expr: byPath(packets('source')), unit: 'pps'},
          {name: 'Packets at destination', expr: byPath(packets('destination')), unit: 'pps'},
        ],
      }),
    )
    .withRow(row('Over time'))
    .withPanel(
      lossHeatmap({
        title: 'At least lost, over time',
        description:
          'The lower bound of each path; green is none, red is 5 % and more. Healthy: all ' +
          'green. Rows that turn red together share what loses.',
        query: {expr: byPath(bound('lower')), legend: '{{source}} → {{destination}}'},
        span: 12,
      }),
    )
    .withPanel(
      lossHeatmap({
        title: 'At most lost, over time',
        description: 'The upper bound of each path, in the same colours. Healthy: all green.',
        query: {expr: byPath(bound('upper')), legend: '{{source}} → {{destination}}'},
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'What each end says',
        description:
          'The views that the bounds are made of: the source infers (sequence), the destination ' +
          'counts (census) or infers. Choose one path above. Healthy: below 0.1 %, and close ' +
          'together.',
        queries: [
          {
            expr: `source_destination_end_method:lossgazer_path_loss:ratio_rate5m{${PATH}}`,
            legend: '{{source}} → {{destination}}: {{end}}, by {{method}}',
          },
        ],
        unit: 'percentunit',
        steps: LOSS_STEPS,
        span: 24,
      }),
    );
}
