// Which peers lose packets, in which direction, and whether it is the network or the host.

import {
  ANY_STEPS,
  LOSS_STEPS,
  fixedVariable,
  frame,
  instanceVariable,
  labelVariable,
  row,
  rows,
  single,
  timeSeries,
  words,
} from './panels.js';
import {
  PEER,
  chosen,
  countedShare,
  increase,
  inferredShare,
  ofPeers,
  rate,
  share,
  sum,
  worstShare,
} from './queries.js';

const egress = (more = '') => ofPeers(`direction="egress"${more && `, ${more}`}`);
const ingress = (more = '') => ofPeers(`direction="ingress"${more && `, ${more}`}`);

/** The ten highest of an expression by peer. */
const highest = (expression) => `topk(10, ${expression})`;
const byPeer = '{{instance}} {{direction}} {{peer}}';
const perPeer = (name, more = '') => sum(rate(name, chosen(more)), PEER);
const perDirection = (name, more = '') => sum(rate(name, chosen(more)), 'direction');
const meanRtt = (growth) =>
  share(
    sum(growth('rtt_seconds_sum', chosen()), PEER),
    sum(growth('rtt_seconds_count', chosen()), PEER),
  );

/** @param {'peer' | 'local'} side */
function worstPeers(side) {
  const worst = `topk(20, ${worstShare(increase, chosen, side, PEER)})`;
  const ofWorst = (expression) => `${expression} and on (${PEER}) ${worst}`;
  const network = side === 'peer';
  const loss = {unit: 'percentunit', steps: LOSS_STEPS};
  return rows({
    title: network ? 'Worst peers: lost in the network' : 'Worst peers: lost by this host',
    description: network
      ? 'The 20 peers that lost the largest share between the capture point and the peer ' +
        '(side peer), in the time range. Counted: by the census, of packets. Inferred: by ' +
        'sequence numbers, of segments; towards a peer always. Lost is the higher of the two. ' +
        'Healthy: below 0.1 %. A high share of few packets means little.'
      : 'The 20 peers whose packets this host itself lost, between the capture point and its own ' +
        'sockets (side local; on a gateway, in the inside network). Healthy: 0. Where this is ' +
        'high, the network towards the peer is not to blame.',
    span: 24,
    sortBy: 'Lost',
    columns: [
      {name: 'instance'},
      {
        name: 'peer',
        link: '/d/lossgazer-overview?var-peer=${__value.raw}&${instance:queryparam}&${__url_time_range}',
      },
      {name: 'direction'},
      {name: 'Lost', expr: worst, ...loss},
      {
        name: 'Counted',
        expr: ofWorst(countedShare(increase, chosen, side, PEER)),
        unit: 'percentunit',
      },
      {
        name: 'Inferred',
        expr: ofWorst(inferredShare(increase, chosen, side, PEER)),
        unit: 'percentunit',
      },
      {
        name: 'Packets lost',
        expr: ofWorst(sum(increase('lost_packets_total', chosen(`side="${side}"`)), PEER)),
        unit: 'short',
      },
      {
        name: 'Packets',
        expr: ofWorst(sum(increase('packets_total', chosen()), PEER)),
        unit: 'short',
      },
      {
        name: 'Sent again',
        expr: ofWorst(
          share(
            sum(increase('retransmitted_segments_total', chosen()), PEER),
            sum(increase('data_segments_total', chosen()), PEER),
          ),
        ),
        unit: 'percentunit',
      },
      {name: 'Round trip', expr: ofWorst(meanRtt(increase)), unit: 's'},
    ],
  });
}

export function overview() {
  return frame({
    uid: 'lossgazer-overview',
    title: 'lossgazer / Overview',
    description: 'Towards or from which peers packets are lost, and whether by the network or us.',
    range: 'now-1h',
    variables: [
      instanceVariable(),
      labelVariable({
        name: 'peer',
        label: 'Peer',
        description: 'The other end: an address, a prefix, a group, or other.',
        values: 'label_values(lossgazer_packets_total{instance=~"$instance"}, peer)',
      }),
      fixedVariable('direction', 'Direction', 'egress: from us to the peer; ingress: from it.', [
        'egress',
        'ingress',
      ]),
    ],
  })
    .withPanel(
      words({
        height: 6,
        content:
          '**egress** goes from us to the peer, **ingress** comes from it. **Side peer** is the ' +
          'network between the capture point and the peer; **side local** is this host, between ' +
          'the capture point and its own sockets (on a gateway, the inside ' +
          'network).\n\n**Counted** loss (census) is told packet by packet from identification ' +
          'numbers that never came; **inferred** loss (sequence) from gaps and repeats. They ' +
          'have different denominators and are not added. Towards a peer, loss is always ' +
          'inferred.\n\nTrust these only while *Missed by the capture* is 0; else see *Capture ' +
          'health*.',
      }),
    )
    .withRow(row('Now'))
    .withPanel(
      single({
        title: 'Lost towards peers, inferred',
        description:
          'Segments lost in the network on the way to the peers chosen, of all sent (repeats ' +
          'included). Healthy: below 0.1 %.',
        queries: [{expr: inferredShare(rate, egress, 'peer')}],
        unit: 'percentunit',
        steps: LOSS_STEPS,
        span: 4,
      }),
    )
    .withPanel(
      single({
        title: 'Lost from peers, counted',
        description:
          'Packets lost in the network on the way from the peers chosen, of those that the ' +
          'census covers, pure ACKs too. Healthy: below 0.1 %.',
        queries: [{expr: countedShare(rate, ingress, 'peer')}],
        unit: 'percentunit',
        steps: LOSS_STEPS,
        noValue: 'no census',
        span: 4,
      }),
    )
    .withPanel(
      single({
        title: 'Lost from peers, inferred',
        description:
          'Segments lost in the network on the way from the peers chosen, where the census does ' +
          'not reach (IPv6, say), of all segments. Healthy: below 0.1 %.',
        queries: [{expr: inferredShare(rate, ingress, 'peer')}],
        unit: 'percentunit',
        steps: LOSS_STEPS,
        span: 4,
      }),
    )
    .withPanel(
      single({
        title: 'Lost by this host',
        description:
          'Packets lost between the capture point and our own sockets (side local), in both ' +
          'directions. Healthy: 0.',
        queries: [{expr: sum(rate('lost_packets_total', ofPeers('side="local"')))}],
        unit: 'pps',
        steps: ANY_STEPS,
        span: 4,
      }),
    )
    .withPanel(
      single({
        title: 'Missed by the capture',
        description:
          'Frames that the capture itself dropped: what they showed is not counted, and nothing ' +
          'on this page knows of it. Healthy: 0. Else see Capture health.',
        queries: [{expr: sum(rate('capture_dropped_packets_total', 'instance=~"$instance"'))}],
        unit: 'pps',
        steps: ANY_STEPS,
        span: 4,
      }),
    )
    .withPanel(
      single({
        title: 'Alerts firing',
        description:
          'Alerts of packaging/prometheus/rules that fire now for the instances chosen. ' +
          'Healthy: 0.',
        queries: [
          {
            expr:
              'count(ALERTS{alertname=~"Lossgazer.*", alertstate="firing", ' +
              'instance=~"$instance|"}) or vector(0)',
          },
        ],
        unit: 'short',
        steps: ANY_STEPS,
        span: 4,
      }),
    )
    .withRow(row('Which peers'))
    .withPanel(worstPeers('peer'))
    .withPanel(worstPeers('local'))
    .withRow(row('Loss: network or host, counted or inferred'))
    .withPanel(
      timeSeries({
        title: 'Packets lost, by side',
        description:
          'Packets lost a second, by direction, side and method. Side peer is the network, side ' +
          'local this host. Healthy: all at 0.',
        queries: [
          {
            expr: sum(rate('lost_packets_total', chosen()), 'direction, side, method'),
            legend: '{{direction}}, side {{side}}, by {{method}}',
          },
        ],
        unit: 'pps',
        stacked: true,
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Share counted, not inferred',
        description:
          'Packets under the census, of all: how much of the loss is counted. Healthy: near 100 ' +
          '% from Linux over IPv4, 0 over IPv6 and from systems whose numbers cannot be counted ' +
          'by.',
        queries: [
          {
            expr: share(perDirection('census_packets_total'), perDirection('packets_total')),
            legend: '{{direction}}',
          },
        ],
        unit: 'percentunit',
        max: 1,
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Lost in the network: inferred, worst peers',
        description:
          'Segments lost between the capture point and the peer, of all segments, by sequence ' +
          'numbers. Healthy: below 0.1 %; from 1 % on TCP is slow. The worst ten at each moment.',
        queries: [{expr: highest(inferredShare(rate, chosen, 'peer', PEER)), legend: byPeer}],
        unit: 'percentunit',
        steps: LOSS_STEPS,
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Lost in the network: counted, worst peers',
        description:
          'Packets lost between the peer and the capture point, of those under the census, pure ' +
          'ACKs too. Healthy: below 0.1 %. The worst ten at each moment.',
        queries: [{expr: highest(countedShare(rate, chosen, 'peer', PEER)), legend: byPeer}],
        unit: 'percentunit',
        steps: LOSS_STEPS,
        span: 12,
      }),
    )
    .withRow(row('Sent again: for a loss, or for nothing'))
    .withPanel(
      timeSeries({
        title: 'Sent again, and why',
        description:
          'Segments sent again a second, beside those sent for nothing (spurious), those of ' +
          'handshakes, those to a peer that does not answer, and packets lost. Sent again and ' +
          'lost together: loss. Sent again and spurious together: delay, reordering or lost ' +
          'ACKs. Healthy: below 1 % of segments.',
        queries: [
          {
            expr: perDirection('retransmitted_segments_total'),
            legend: '{{direction}} sent again',
          },
          {expr: perDirection('spurious_retransmissions_total'), legend: '{{direction}} spurious'},
          {
            expr: perDirection('handshake_retransmissions_total'),
            legend: '{{direction}} handshake',
          },
          {expr: perDirection('unanswered_segments_total'), legend: '{{direction}} unanswered'},
          {expr: perDirection('lost_packets_total'), legend: '{{direction}} lost'},
        ],
        unit: 'pps',
        span: 12,
        height: 10,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Share sent again, worst peers',
        description:
          'Segments sent again, of all segments: what the kernel of the sender calls ' +
          'TcpRetransSegs. Healthy: below 1 %. The worst ten at each moment.',
        queries: [
          {
            expr: highest(
              share(perPeer('retransmitted_segments_total'), perPeer('data_segments_total')),
            ),
            legend: byPeer,
          },
        ],
        unit: 'percentunit',
        steps: [
          [0.01, 'orange'],
          [0.05, 'red'],
        ],
        span: 12,
        height: 10,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Who sends again, by process and unit or container',
        description:
          'Segments that the kernel of this host sent again, by who owns the socket. Needs ' +
          '--kernel.events. Healthy: all near 0; one process alone sends again where its own ' +
          'peers lose, all do where this host’s link does. The highest ten.',
        queries: [
          {
            expr: highest(
              sum(rate('kernel_retransmits_total', ofPeers()), 'instance, process, cgroup'),
            ),
            legend: '{{instance}} {{process}} {{cgroup}}',
          },
        ],
        unit: 'pps',
        span: 24,
      }),
    )
    .withRow(row('Order and congestion'))
    .withPanel(
      timeSeries({
        title: 'Out of order, and copied by the network',
        description:
          'Segments that came late because others overtook them, and copies that the network ' +
          'made. Healthy: near 0. Reordering comes from one flow spread over several links.',
        queries: [
          {expr: perDirection('reordered_segments_total'), legend: '{{direction}} reordered'},
          {expr: perDirection('duplicate_packets_total'), legend: '{{direction}} copies'},
        ],
        unit: 'pps',
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Receivers that ask, and routers that warn',
        description:
          'Duplicate ACKs (data is missing), zero windows (the application reads too slowly) ' +
          'and packets marked by a congested router (ECN CE), each by the direction it was sent ' +
          'in. Healthy: near 0.',
        queries: [
          {expr: perDirection('duplicate_acks_total'), legend: '{{direction}} duplicate ACKs'},
          {expr: perDirection('zero_windows_total'), legend: '{{direction}} zero windows'},
          {expr: perDirection('ecn_ce_packets_total'), legend: '{{direction}} ECN CE'},
        ],
        unit: 'pps',
        span: 12,
      }),
    )
    .withRow(row('Delay and traffic'))
    .withPanel(
      timeSeries({
        title: 'Round trip, slowest peers',
        description:
          'Mean round trip between the capture point and the receiver of that direction: egress ' +
          'is the network to the peer and back, ingress the way within this host. Healthy: near ' +
          'the delay of the path, and flat. The slowest ten.',
        queries: [{expr: highest(meanRtt(rate)), legend: byPeer}],
        unit: 's',
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Payload, largest peers',
        description:
          'TCP payload, repeats included. Healthy: as usual. Loss that rises and falls with it ' +
          'is a link that is full. The largest ten.',
        queries: [{expr: highest(`8 * ${perPeer('payload_bytes_total')}`), legend: byPeer}],
        unit: 'bps',
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Packets',
        description: 'TCP packets, and those with payload, SYN or FIN. Healthy: as usual.',
        queries: [
          {expr: perDirection('packets_total'), legend: '{{direction}} packets'},
          {expr: perDirection('data_segments_total'), legend: '{{direction}} segments'},
        ],
        unit: 'pps',
        span: 24,
      }),
    )
    .withRow(row('Connections, and what gets no answer'))
    .withPanel(
      timeSeries({
        title: 'Connection attempts',
        description:
          'By outcome, under the direction of the SYN. Healthy: refused and timeout at 0. ' +
          'Timeouts are swallowed by a firewall, a full backlog or loss; refusals are answered.',
        queries: [
          {
            expr: sum(rate('connections_total', chosen()), 'direction, outcome'),
            legend: '{{direction}} {{outcome}}',
          },
          {expr: perDirection('resets_total'), legend: '{{direction}} reset'},
        ],
        unit: 'cps',
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Repeated handshakes',
        description:
          'SYNs and SYN-ACKs sent again. Healthy: 0. SYNs repeated towards a peer: it or the ' +
          'network does not answer; SYN-ACKs: the way back, or a SYN flood.',
        queries: [
          {
            expr: sum(rate('handshake_retransmissions_total', chosen()), 'direction, handshake'),
            legend: '{{direction}} {{handshake}}',
          },
        ],
        unit: 'pps',
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Unanswered, by peer',
        description:
          'Segments sent again to a receiver not heard from since: no loss until it answers, if ' +
          'ever. Healthy: 0. A steady line is a peer that is gone, or cut off. The worst ten.',
        queries: [{expr: highest(perPeer('unanswered_segments_total')), legend: byPeer}],
        unit: 'pps',
        span: 12,
      }),
    )
    .withPanel(
      timeSeries({
        title: 'Never seen, by peer',
        description:
          'Bytes acknowledged but never captured: the miss of the capture itself, or a path ' +
          'that it does not see. Never called loss. Healthy: 0. The worst ten.',
        queries: [{expr: highest(perPeer('unseen_bytes_total')), legend: byPeer}],
        unit: 'Bps',
        span: 12,
      }),
    );
}
