// Draws what /api/v1/peers says, every few seconds. All text goes in as text, never as HTML: names
// of peers come from the network. ASCII only, since the program carries it in a literal.
(() => {
  'use strict';

  const EVERY = 5000;      // milliseconds between refreshes
  const GIVE_UP = 10000;   // milliseconds for one request
  const TOP = 100;         // peers asked for at first
  const NBSP = '\u00a0';
  const WAYS = [
    { key: 'egress', css: 'to', arrow: '\u2192', word: 'to', title: 'To ' },
    { key: 'ingress', css: 'from', arrow: '\u2190', word: 'from', title: 'From ' },
  ];
  const SIDE = { peer: 'network', local: 'this host', before: 'before here', after: 'after here' };
  const METHOD = { census: 'counted', sequence: 'inferred' };

  const id = (name) => document.getElementById(name);
  const SVG = 'http://www.w3.org/2000/svg';

  function make(tag, attributes, ...children) {
    const svg = ['svg', 'path', 'line'].includes(tag);
    const element = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === 'text') element.textContent = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }
  function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  // Numbers as people read them.
  const whole = new Intl.NumberFormat('en');
  function percent(ratio) {
    const value = ratio * 100;
    if (value === 0) return '0' + NBSP + '%';
    if (value < 0.01) return '<' + NBSP + '0.01' + NBSP + '%';
    return value.toFixed(value < 10 ? 2 : 1) + NBSP + '%';
  }
  // In a sentence: 1.2 %, not 1.20 %.
  function about(ratio) {
    const value = ratio * 100;
    if (value < 0.01) return percent(ratio);
    return Number(value.toPrecision(2)).toString() + NBSP + '%';
  }
  function scaled(value, unit) {
    for (const [size, prefix] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']]) {
      if (value >= size) {
        const part = value / size;
        return part.toFixed(part < 10 ? 1 : 0) + NBSP + prefix + unit;
      }
    }
    return (value === 0 ? '0' : value < 10 ? value.toFixed(1) : value.toFixed(0)) + NBSP + unit;
  }
  function milliseconds(seconds) {
    if (seconds === null || seconds === undefined) return '\u2013';
    const ms = seconds * 1000;
    if (ms >= 1000) return (ms / 1000).toFixed(1) + NBSP + 's';
    return ms.toFixed(ms < 1 ? 2 : ms < 100 ? 1 : 0) + NBSP + 'ms';
  }
  function ago(seconds) {
    if (seconds < 60) return Math.round(seconds) + NBSP + 's';
    if (seconds < 5400) return Math.round(seconds / 60) + NBSP + 'min';
    if (seconds < 172800) return Math.round(seconds / 3600) + NBSP + 'h';
    return Math.round(seconds / 86400) + NBSP + 'days';
  }
  const count = (number, one, many) => whole.format(number) + NBSP + (number === 1 ? one : many);

  // What a peer's two lines say.
  function worstLoss(recent) {
    let worst = null;
    for (const loss of recent ? recent.loss : []) {
      const weight = loss.lost / (loss.of + 100);
      if (loss.lost > 0 && (!worst || weight > worst.weight)) worst = { ...loss, weight };
    }
    return worst;
  }
  function both(peer, read) {
    return WAYS.map((way) => peer[way.key].recent).map((recent) => (recent ? read(recent) : -1));
  }
  const highest = (peer, read) => Math.max(...both(peer, read));
  function fullName(peer) {
    return peer.name ? peer.name + ' (' + peer.peer + ')' : peer.peer;
  }
  function labelText(peer) {
    return Object.entries(peer.labels).map(([key, value]) => key + ' ' + value).join(' \u00b7 ');
  }

  const collator = new Intl.Collator('en', { numeric: true });
  // Every column: how it is read, and how it is sorted (by the greater of both directions).
  const COLUMNS = [
    { key: 'peer', head: 'Peer', down: false, text: (peer) => peer.name || peer.peer },
    { key: 'dir', head: 'Direction', plain: true, unseen: true, show: (recent, way) => way.arrow + NBSP + way.word },
    { key: 'loss', head: 'Lost', down: true, number: (peer) => -peer.rank,
      show: (recent) => {
        const worst = worstLoss(recent);
        if (worst) return percent(worst.ratio);
        return recent.data_segments + recent.packets > 0 ? percent(0) : '\u2013';
      },
      css: (recent) => (worstLoss(recent) ? 'has-loss' : 'zero') },
    { key: 'where', head: 'Where, how known', down: true, left: true,
      text: (peer) => {
        const worst = peer.worst;
        return worst ? SIDE[worst.side] + METHOD[worst.method] : '';
      },
      show: (recent) => {
        const worst = worstLoss(recent);
        if (worst) return SIDE[worst.side] + ', ' + METHOD[worst.method];
        if (recent.unanswered_segments > 0) return 'no answer (' + whole.format(recent.unanswered_segments) + ')';
        return '';
      },
      css: (recent) => (worstLoss(recent) ? 'has-loss' : '') },
    { key: 'again', head: 'Sent again', down: true,
      number: (peer) => highest(peer, (recent) => recent.retransmission_ratio),
      show: (recent) => (recent.data_segments > 0 ? percent(recent.retransmission_ratio) : '\u2013'),
      css: (recent) => (recent.retransmitted_segments > 0 ? '' : 'zero') },
    { key: 'late', head: 'Reordered', down: true,
      number: (peer) => highest(peer, (recent) => recent.reordered_segments),
      show: (recent) => whole.format(recent.reordered_segments),
      css: (recent) => (recent.reordered_segments > 0 ? '' : 'zero') },
    { key: 'rtt', head: 'RTT', down: true,
      number: (peer) => highest(peer, (recent) => recent.rtt_seconds ?? -1),
      show: (recent) => milliseconds(recent.rtt_seconds),
      css: (recent) => (recent.rtt_seconds === null ? 'zero' : '') },
    { key: 'pps', head: 'Packets/s', down: true,
      number: (peer) => highest(peer, (recent) => recent.packets_per_second),
      show: (recent) => scaled(recent.packets_per_second, '').trim(),
      css: (recent) => (recent.packets > 0 ? '' : 'zero') },
    { key: 'bps', head: 'Payload', down: true,
      number: (peer) => highest(peer, (recent) => recent.payload_bytes_per_second),
      show: (recent) => scaled(recent.payload_bytes_per_second * 8, 'bit/s'),
      css: (recent) => (recent.payload_bytes > 0 ? '' : 'zero') },
    { key: 'chart', head: 'Loss, last minutes', plain: true, left: true },
  ];

  // What is known, and how it is looked at.
  let data = null;
  let fetchedAt = 0;
  let failure = '';
  let paused = false;
  let asked = false;
  let top = TOP;
  let sort = { key: 'loss', down: true };
  const rows = new Map();  // by peer; each with its elements
  let order = [];          // of keys, as shown
  const open = new Set();

  // The heads of the table: a button each.
  const heads = id('heads');
  for (const column of COLUMNS) {
    const head = make('th', { scope: 'col', role: 'columnheader', class: 'c-' + column.key });
    if (column.left) head.classList.add('left');
    if (column.plain) {
      head.classList.add('dumb');
      head.append(make('span', { text: column.head, class: column.unseen ? 'unseen' : 'plain' }));
    } else {
      const arrow = make('span', { class: 'arrow', 'aria-hidden': 'true' });
      // Beside the words, on the side where no number stands under them.
      const words = column.left || column.key === 'peer' ? [column.head, arrow] : [arrow, column.head];
      const button = make('button', { type: 'button' }, ...words);
      button.addEventListener('click', () => {
        sort = { key: column.key, down: sort.key === column.key ? !sort.down : column.down };
        draw(true);
      });
      head.append(button);
    }
    column.th = head;
    heads.append(head);
  }
  function drawHeads() {
    for (const column of COLUMNS) {
      if (column.plain) continue;
      const mine = sort.key === column.key;
      if (mine) column.th.setAttribute('aria-sort', sort.down ? 'descending' : 'ascending');
      else column.th.removeAttribute('aria-sort');
      const arrow = column.th.querySelector('.arrow');
      arrow.hidden = !mine;
      say(arrow, mine ? (sort.down ? '\u2193' : '\u2191') : '');
    }
  }

  // Charts. Time runs from left to right, up to now, and from as far back as anything is known, in
  // whole minutes; a step is as wide as it was long.
  function span() {
    const { age_seconds: ages, seconds } = data.steps;
    return ages.length === 0 ? 120 : Math.min(600, Math.max(120, Math.ceil((ages[0] + seconds[0]) / 60) * 60));
  }
  function places(steps) {
    return steps.age_seconds.map((age, i) => ({
      right: Math.max(0, 1 - age / span()),
      left: Math.max(0, 1 - (age + steps.seconds[i]) / span()),
    }));
  }
  function bars(at, low, high, width, height, most) {
    let path = '';
    at.forEach((place, i) => {
      if (!(high[i] > low[i])) return;
      const y = (value) => (height * (1 - Math.min(1, value / most))).toFixed(1);
      // A loss is always visible, however small.
      const topmost = Math.min(y(high[i]), y(low[i]) - 2);
      path += 'M' + (place.left * width).toFixed(1) + ' ' + y(low[i]) +
        'V' + topmost + 'H' + Math.max(place.right * width - 0.4, place.left * width + 0.6).toFixed(1) + 'V' + y(low[i]) + 'Z';
    });
    return path;
  }
  function stroke(at, values, width, height, most) {
    let path = '';
    let down = false;
    values.forEach((value, i) => {
      if (value === null) { down = false; return; }
      const x = (((at[i].left + at[i].right) / 2) * width).toFixed(1);
      const y = (height * (1 - Math.min(1, value / most)) + 1).toFixed(1);
      path += down ? 'L' + x + ' ' + y : 'M' + x + ' ' + y + 'h0.1';
      down = true;
    });
    return path;
  }
  const zeros = (list) => list.map(() => 0);
  const sum = (one, other) => one.map((value, i) => value + other[i]);
  function lossOf(series) {
    const far = series.loss_ratio_peer || series.loss_ratio_before;
    const near = series.loss_ratio_local || series.loss_ratio_after;
    return { far, near, all: sum(far, near) };
  }

  function sparkline() {
    const parts = {
      traffic: make('path', { class: 'traffic' }), far: make('path', { class: 'bars-peer' }),
      near: make('path', { class: 'bars-local' }),
    };
    const svg = make('svg', { class: 'spark', viewBox: '0 0 150 17', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      make('line', { class: 'base', x1: 0, x2: 150, y1: 17, y2: 17 }), parts.traffic, parts.far, parts.near);
    return { svg, parts };
  }
  // Loss is drawn to one scale in the whole table, by its square root: 1 % is seen beside 20 %.
  function drawSpark(spark, series, most) {
    const { parts } = spark;
    if (!series) {
      for (const part of Object.values(parts)) part.setAttribute('d', '');
      return;
    }
    const at = places(data.steps);
    const none = zeros(series.packets);
    const busiest = Math.max(1, ...series.packets);
    const { far, all } = lossOf(series);
    const root = (list) => list.map(Math.sqrt);
    parts.traffic.setAttribute('d', bars(at, none, series.packets, 150, 17, busiest * 1.6));
    parts.far.setAttribute('d', bars(at, none, root(far), 150, 17, Math.sqrt(most)));
    parts.near.setAttribute('d', bars(at, root(far), root(all), 150, 17, Math.sqrt(most)));
  }

  // A larger chart with a scale, and a value read under the pointer or by the arrow keys.
  function bigChart(title, keys) {
    const paths = {};
    const cursor = make('line', { class: 'cursor', y1: 0, y2: 62, x1: -9, x2: -9 });
    const svg = make('svg', { viewBox: '0 0 600 62', preserveAspectRatio: 'none' });
    for (const css of ['traffic', 'bars-peer', 'bars-local', 'again', 'stroke']) {
      paths[css] = make('path', { class: css });
      svg.append(paths[css]);
    }
    svg.append(cursor);
    const most = make('span', { class: 'top' });
    const plot = make('div', { class: 'plot', tabindex: '0', role: 'img' }, svg, most);
    const readout = make('span', { 'aria-live': 'polite' });
    const name = make('span', {}, title);
    for (const [css, word] of keys || []) name.append(make('span', { class: 'key ' + css }), word);
    const left = make('span');
    const middle = make('span');
    const axis = make('div', { class: 'axis', 'aria-hidden': 'true' }, left, middle, make('span', { text: 'now' }));
    const figure = make('figure', { class: 'chart' }, make('figcaption', {}, name, readout), plot, axis);
    let state = null;
    let chosen = -1;
    function read() {
      if (!state || chosen < 0 || chosen >= state.at.length) {
        cursor.setAttribute('x1', -9);
        cursor.setAttribute('x2', -9);
        say(readout, state ? state.summary : '');
        return;
      }
      const place = state.at[chosen];
      const x = ((place.left + place.right) / 2) * 600;
      cursor.setAttribute('x1', x);
      cursor.setAttribute('x2', x);
      say(readout, ago((1 - place.right) * span()) + ' ago: ' + state.value(chosen));
    }
    plot.addEventListener('pointermove', (event) => {
      if (!state) return;
      const box = plot.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width;
      chosen = state.at.findIndex((place) => x >= place.left && x <= place.right);
      read();
    });
    plot.addEventListener('pointerleave', () => { chosen = -1; read(); });
    plot.addEventListener('blur', () => { chosen = -1; read(); });
    plot.addEventListener('keydown', (event) => {
      if (!state || !['ArrowLeft', 'ArrowRight'].includes(event.key)) return;
      const last = state.at.length - 1;
      const step = event.key === 'ArrowLeft' ? -1 : 1;
      chosen = chosen < 0 ? last : Math.min(last, Math.max(0, chosen + step));
      event.preventDefault();
      read();
    });
    return {
      figure,
      draw(next) {
        state = next;
        for (const [css, path] of Object.entries(paths)) path.setAttribute('d', next.paths[css] || '');
        say(most, next.most);
        say(left, span() / 60 + ' min ago');
        say(middle, span() / 120 + ' min');
        plot.setAttribute('aria-label', title + ', last ' + span() / 60 + ' minutes: ' + next.summary);
        read();
      },
    };
  }

  // The details of one peer: for each direction three charts and all totals.
  const TOTALS = [
    ['packets', 'Packets'], ['data_segments', 'With data, SYN or FIN'], ['payload_bytes', 'Payload bytes'],
    ['census_packets', 'Under the census'], ['retransmitted_segments', 'Sent again'],
    ['spurious_retransmissions', 'of these needless'], ['handshake_retransmissions.syn', 'of these SYN'],
    ['handshake_retransmissions.syn_ack', 'of these SYN-ACK'], ['unanswered_segments', 'Sent again, unanswered'],
    ['reordered_segments', 'Reordered'], ['duplicate_packets', 'Copies by the network'],
    ['duplicate_acks', 'Duplicate ACKs'], ['zero_windows', 'Zero windows'], ['resets', 'Resets'],
    ['ecn_ce_packets', 'ECN marks'], ['connections.opened', 'Connections opened'],
    ['connections.refused', 'Connections refused'], ['connections.timeout', 'Connections timed out'],
    ['unseen_bytes', 'Bytes never captured'],
  ];
  const ALWAYS = /^(packets|retransmitted_segments|reordered_segments)$|^lost_packets\./;  // even at 0
  function details(peer) {
    const box = make('div', { class: 'ways' });
    const ways = WAYS.map((way) => {
      const part = {
        say: make('p', { class: 'say' }),
        loss: bigChart('Loss', [['peer', 'network'], ['local', 'this host']]),
        packets: bigChart('Packets a second', [['again', 'sent again']]),
        rtt: bigChart('Round trip'),
        totals: make('dl', { class: 'totals' }),
        numbers: new Map(),
      };
      const number = (label, key) => {
        const dd = make('dd');
        part.numbers.set(key, dd);
        part.totals.append(make('div', {}, make('dt', { text: label, class: label.startsWith('of these') ? 'part' : '' }), dd));
      };
      const lost = Object.keys(peer[way.key].total.lost_packets);
      for (const side of lost) number('Lost, ' + SIDE[side], 'lost_packets.' + side);
      number('of these counted', 'lost_packets_by_method.census');
      for (const [key, label] of TOTALS) number(label, key);
      box.append(make('section', { class: 'way' },
        make('h2', { text: way.arrow + ' ' + way.title + fullName(peer) }), part.say,
        part.loss.figure, part.packets.figure, part.rtt.figure,
        make('h3', { text: 'Since this peer is known (what is not listed is 0)' }), part.totals));
      return part;
    });
    return { box, draw: (now) => WAYS.forEach((way, i) => drawWay(ways[i], now[way.key])) };
  }
  function inWords(recent) {
    if (!recent || recent.packets === 0) return 'Nothing in the last minute.';
    const lost = recent.loss.filter((loss) => loss.lost > 0).sort((a, b) => b.lost - a.lost)
      .map((loss) => percent(loss.ratio) + ' lost, ' + SIDE[loss.side] + ': ' + whole.format(loss.lost) + ' of ' +
        whole.format(loss.of) + (loss.method === 'census' ? ' packets, counted' : ' segments, inferred'));
    if (recent.unanswered_segments > 0) lost.push(count(recent.unanswered_segments, 'segment', 'segments') + ' sent again without an answer');
    return 'Last minute: ' + (lost.length ? lost.join('; ') : 'nothing lost of ' + count(recent.packets, 'packet', 'packets')) + '.';
  }
  function drawWay(part, way) {
    const recent = way.recent;
    say(part.say, inWords(recent));
    for (const [key, dd] of part.numbers) {
      const value = key.split('.').reduce((from, name) => from[name], way.total);
      say(dd, whole.format(value));
      dd.parentElement.hidden = value === 0 && !ALWAYS.test(key);
      dd.className = key.startsWith('lost_packets.') && value > 0 ? 'has-loss' : '';
    }
    const series = way.series;
    if (!series || data.steps.seconds.length === 0) {
      for (const chart of [part.loss, part.packets, part.rtt]) {
        chart.draw({ at: [], paths: {}, most: '', summary: 'nothing yet', value: () => '' });
      }
      return;
    }
    const at = places(data.steps);
    const none = zeros(series.packets);
    const { far, near, all } = lossOf(series);
    const mostLoss = Math.max(0.01, ...all);
    part.loss.draw({
      at, most: Math.max(...all) > 0 ? percent(mostLoss) : '',
      paths: { 'bars-peer': bars(at, none, far, 600, 62, mostLoss), 'bars-local': bars(at, far, all, 600, 62, mostLoss) },
      summary: Math.max(...all) > 0 ? 'highest ' + percent(Math.max(...all)) : 'none',
      value: (i) => percent(far[i]) + ' network, ' + percent(near[i]) + ' this host',
    });
    const perSecond = series.packets.map((packets, i) => packets / data.steps.seconds[i]);
    const again = series.retransmitted_segments.map((packets, i) => packets / data.steps.seconds[i]);
    const busiest = Math.max(1, ...perSecond);
    part.packets.draw({
      at, most: scaled(busiest, '').trim(),
      paths: { traffic: bars(at, none, perSecond, 600, 62, busiest), again: bars(at, none, again, 600, 62, busiest) },
      summary: 'highest ' + scaled(busiest, '').trim(),
      value: (i) => scaled(perSecond[i], '').trim() + ', ' + scaled(again[i], '').trim() + ' sent again',
    });
    const known = series.rtt_seconds.filter((value) => value !== null);
    const slowest = 1.1 * Math.max(0.0001, ...known);
    part.rtt.draw({
      at, most: milliseconds(slowest), paths: { stroke: stroke(at, series.rtt_seconds, 600, 60, slowest) },
      summary: known.length ? 'highest ' + milliseconds(Math.max(...known)) : 'not measured',
      value: (i) => milliseconds(series.rtt_seconds[i]),
    });
  }

  // One peer of the table: a body with a line for each direction, and one for details.
  function newRow(key, peer) {
    const row = { key, cells: {}, sparks: {} };
    row.body = make('tbody', { role: 'rowgroup' });
    row.button = make('button', { type: 'button', 'aria-expanded': 'false' });
    row.small = make('small');
    for (const way of WAYS) {
      const line = make('tr', { class: 'line ' + way.css, role: 'row' });
      if (way.css === 'to') {
        line.append(make('th', { scope: 'rowgroup', rowspan: '2', role: 'rowheader', class: 'c-peer' }, row.button, row.small));
      }
      row.cells[way.key] = {};
      for (const column of COLUMNS) {
        if (column.key === 'peer') continue;
        const cell = make('td', { role: 'cell', class: 'c-' + column.key });
        if (column.key === 'chart') {
          row.sparks[way.key] = sparkline();
          cell.append(row.sparks[way.key].svg);
        }
        row.cells[way.key][column.key] = cell;
        line.append(cell);
      }
      line.addEventListener('click', (event) => {
        if (event.target !== row.button && String(getSelection()) !== '') return;
        toggle(row);
      });
      row.body.append(line);
    }
    drawName(row, peer);
    return row;
  }
  function drawName(row, peer) {
    say(row.button, peer.name || peer.peer);
    const more = [peer.name ? peer.peer : '', labelText(peer)].filter(Boolean).join(' \u00b7 ');
    say(row.small, more);
    row.small.hidden = more === '';
  }
  function toggle(row) {
    if (open.delete(row.key)) {
      row.more.remove();
      row.more = null;
    } else {
      open.add(row.key);
      row.details = details(row.peer);
      row.more = make('tr', { class: 'more', role: 'row' }, make('td', { colspan: COLUMNS.length, role: 'cell' }, row.details.box));
      row.body.append(row.more);
      row.details.draw(row.peer);
    }
    row.body.classList.toggle('open', open.has(row.key));
    row.button.setAttribute('aria-expanded', String(open.has(row.key)));
  }
  function drawRow(row, peer, most) {
    row.peer = peer;
    drawName(row, peer);
    for (const way of WAYS) {
      const recent = peer[way.key].recent;
      for (const column of COLUMNS) {
        if (!column.show) continue;
        const cell = row.cells[way.key][column.key];
        say(cell, recent ? column.show(recent, way) : column.key === 'dir' ? column.show(recent, way) : '\u2013');
        const css = 'c-' + column.key + (recent && column.css ? ' ' + column.css(recent) : '');
        if (cell.className !== css) cell.className = css;
      }
      drawSpark(row.sparks[way.key], peer[way.key].series, most);
    }
    if (row.more) row.details.draw(peer);
  }

  const keyOf = (peer) => JSON.stringify([peer.peer, peer.labels]);
  function sorted(peers) {
    const column = COLUMNS.find((one) => one.key === sort.key);
    const compare = column.text
      ? (a, b) => collator.compare(column.text(a), column.text(b))
      : (a, b) => column.number(a) - column.number(b);
    return [...peers].sort((a, b) => (sort.down ? compare(b, a) : compare(a, b)) || a.rank - b.rank);
  }
  function matches(peer) {
    const words = id('search').value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = (fullName(peer) + ' ' + labelText(peer)).toLowerCase();
    return words.every((word) => text.includes(word)) && (!id('lossy').checked || peer.weight > 0);
  }
  // Whether someone reads the table just now: then nothing in it may change places.
  function beingRead() {
    const table = id('peers');
    return open.size > 0 || table.matches(':hover') || Boolean(document.activeElement.closest('#peers tbody'));
  }

  function drawTable(mayMove) {
    const table = id('peers');
    const shown = sorted(data.peers.filter(matches));
    const wanted = shown.map(keyOf);
    const byKey = new Map(shown.map((peer) => [keyOf(peer), peer]));
    let next = wanted;
    if (!mayMove && beingRead()) {
      const old = order.filter((key) => byKey.has(key));
      next = [...old, ...wanted.filter((key) => !order.includes(key))];
    }
    id('resort').hidden = next.every((key, i) => key === wanted[i]);
    for (const key of order) {
      if (byKey.has(key)) continue;
      rows.get(key).body.remove();
      rows.delete(key);
      open.delete(key);
    }
    let most = 0.02;
    for (const peer of data.peers) {
      for (const way of WAYS) if (peer[way.key].series) most = Math.max(most, ...lossOf(peer[way.key].series).all);
    }
    let before = table.tHead;
    for (const key of next) {
      const peer = byKey.get(key);
      if (!rows.has(key)) rows.set(key, newRow(key, peer));
      const row = rows.get(key);
      drawRow(row, peer, most);
      // Moving an element takes its focus away: only what is out of place is moved.
      if (before.nextElementSibling !== row.body) before.after(row.body);
      before = row.body;
    }
    order = next;
    const all = data.peers.length;
    const among = data.peers_known > all ? 'the ' + whole.format(all) + ' worst of ' + whole.format(data.peers_known) : whole.format(all);
    say(id('count'), (next.length === all ? (all === data.peers_known ? count(all, 'peer', 'peers') : among + ' peers')
      : whole.format(next.length) + ' of ' + among + ' peers') + ', in the last minute');
    id('all').hidden = data.peers_known <= all;
    say(id('all'), 'Show all ' + whole.format(data.peers_known));
    const empty = id('empty');
    empty.hidden = next.length > 0;
    say(empty, capturesNothing() ? 'No peers: nothing is captured.'
      : all === 0 ? 'No peer yet: nothing with TCP came or went since lossgazer started.'
      : id('lossy').checked && !id('search').value ? 'No peer lost anything in the last minute.' : 'No peer like that.');
  }

  // The answer first: who loses packets now.
  function drawHeadline() {
    const headline = id('headline');
    const losers = data.peers.filter((peer) => peer.worst !== null);
    const first = data.peers[0];
    const mute = first && WAYS.map((way) => [way, first[way.key].recent]).find(([, recent]) =>
      recent && recent.unanswered_segments > 0 && recent.weight >= first.weight &&
      recent.unanswered_segments / (recent.data_segments + 100) >= first.weight * 0.999);
    const parts = [];
    let under = '';
    const others = losers.filter((peer) => peer !== first)
      .map((peer) => (peer.name || peer.peer) + ' (' + about(peer.worst.ratio) + ')');
    const more = others.length === 0 ? '' : ' Also losing: ' + others.slice(0, 3).join(', ') +
      (others.length > 3 ? ' and ' + count(others.length - 3, 'more', 'more') : '') + '.';
    if (first && mute) {
      const [way, recent] = mute;
      parts.push(way.key === 'egress' ? 'No answer from ' : 'This host does not answer ', fullName(first));
      under = count(recent.unanswered_segments, 'segment was', 'segments were') +
        ' sent again in the last minute, and nothing came back.' + more;
    } else if (first && first.worst) {
      const worst = first.worst;
      const way = worst.direction === 'egress' ? ' of packets to ' : ' of packets from ';
      const where = { peer: ', in the network', local: ', on this host' }[worst.side] || ', ' + SIDE[worst.side];
      parts.push('Losing ', make('span', { class: 'much', text: about(worst.ratio) }), way + fullName(first) + where);
      under = whole.format(worst.lost) + ' of ' + whole.format(worst.of) +
        (worst.method === 'census' ? ' packets in the last minute, counted one by one.' : ' segments in the last minute, inferred from gaps and repeats.') + more;
    } else if (capturesNothing()) {
      parts.push('Nothing is captured');
      under = 'Peers are known where an interface is captured.';
    } else if (data.peers.length === 0) {
      parts.push('No TCP traffic seen yet');
      under = 'Peers appear here as soon as packets come or go.';
    } else {
      const busy = data.peers.filter((peer) => highest(peer, (recent) => recent.packets) > 0);
      const rate = busy.reduce((total, peer) => total + both(peer, (recent) => recent.packets_per_second).reduce((a, b) => a + b, 0), 0);
      parts.push(busy.length > 0 ? 'No loss seen in the last minute' : 'No TCP packets in the last minute');
      under = count(busy.length, 'peer', 'peers') + ' active, ' + scaled(rate, 'packets').replace(/(\d)\.\d(?=\u00a0packets)/, '$1') + ' a second.';
    }
    const text = parts.map((part) => part.textContent ?? part).join('');
    if (headline.textContent !== text) headline.replaceChildren(...parts);
    say(id('subline'), under);
    document.title = (first && first.weight > 0 ? '\u25cf ' + text : 'No loss') + ' \u2013 lossgazer' + (data.host ? ' on ' + data.host : '');
  }

  // The capture's own health: one sentence, loud when it is not well.
  const REMEDY = {
    interface: 'the network card or its driver', kernel: 'the kernel: try a larger --capture.buffer',
    queue: 'our queues: try more --analyzer.workers', flow_table: 'the flow table: try a larger --flows.max',
  };
  // Ready without an interface: it was asked for none.
  function capturesNothing() {
    return data.capture.ready && data.capture.interfaces.length === 0;
  }
  function health() {
    const capture = data.capture;
    const names = capture.interfaces.map((one) => one.interface);
    const on = names.length ? names.slice(0, 4).join(', ') + (names.length > 4 ? ' and ' + (names.length - 4) + ' more' : '') : 'no interface';
    if (!capture.ready) return [false, 'Not capturing all it should: ' + capture.not_ready];
    const dropped = Object.entries(capture.recent.dropped).filter(([, frames]) => frames > 0);
    const lost = dropped.reduce((total, [, frames]) => total + frames, 0);
    if (lost > 0) {
      const share = lost / (capture.recent.packets + lost);
      return [false, 'The capture missed ' + about(share) + ' of frames in the last minute (' +
        dropped.map(([stage, frames]) => whole.format(frames) + ' in ' + REMEDY[stage]).join('; ') +
        '). Losses in that time are not counted.'];
    }
    if (capturesNothing()) return [true, "Nothing is captured (--capture.interface none). The kernel's own TCP counters are among the metrics."];
    if (capture.recent.unreadable > 0) {
      return [false, 'Capturing on ' + on + ', but ' + count(capture.recent.unreadable, 'frame', 'frames') + ' could not be read in the last minute'];
    }
    const ever = capture.interfaces.reduce((total, one) => total + Object.values(one.dropped).reduce((a, b) => a + b, 0), 0);
    const last = Math.min(...capture.interfaces.map((one) => one.last_packet_age_seconds ?? Infinity));
    let text = 'Capturing ' + (capture.flow_sample > 1 ? 'one flow in ' + whole.format(capture.flow_sample) + ' ' : '') +
      'on ' + on + ', nothing dropped';
    if (ever > 0) text += ' lately (' + count(ever, 'frame', 'frames') + ' since the start)';
    if (last === Infinity) text += '. No packet has come yet';
    else if (last > 60) text += '. The last packet came ' + ago(last) + ' ago';
    return [true, text + '.'];
  }
  function drawHealth() {
    const [good, text] = health();
    id('health').className = good ? '' : 'bad';
    say(id('health-sign'), good ? 'OK' : '!');
    say(id('health-line'), text);
    const capture = data.capture;
    const list = (counts) => Object.entries(counts).filter(([, n]) => n > 0).map(([key, n]) => whole.format(n) + ' ' + key.replaceAll('_', ' ')).join(', ') || '0';
    const table = make('table', {});
    table.append(make('tr', {}, ...['Interface', 'State', 'Frames', 'Dropped', 'Not read', 'Ignored', 'Reopened', 'Last packet', 'Buffer']
      .map((text) => make('th', { scope: 'col', text }))));
    for (const one of capture.interfaces) {
      const cells = [one.interface, one.up ? 'captured' : 'down', whole.format(one.packets), list(one.dropped), list(one.unparsed),
        list(one.ignored), whole.format(one.restarts),
        one.last_packet_age_seconds === null ? 'none yet' : ago(one.last_packet_age_seconds) + ' ago',
        (one.buffer_bytes / 1048576).toFixed(0) + NBSP + 'MiB'];
      table.append(make('tr', {}, ...cells.map((text) => make('td', { text }))));
    }
    const p = make('p', { text: 'Longest queue ' + whole.format(capture.queue_packets) + ' of ' + whole.format(capture.queue_limit) +
      ' \u00b7 flows ' + whole.format(capture.flows) + ' of ' + whole.format(capture.flow_limit) +
      ' \u00b7 peers ' + whole.format(capture.peers) + ' of ' + whole.format(capture.peer_limit) +
      ' \u00b7 running for ' + ago(data.uptime_seconds) });
    id('health-more').replaceChildren(table, p);
    say(id('host'), data.host);
    say(id('build'), 'lossgazer ' + data.version + ' (' + data.revision + ')');
  }

  function drawAge() {
    const age = (Date.now() - fetchedAt) / 1000;
    const stale = fetchedAt > 0 && !paused && !document.hidden && (failure !== '' || age > 20);
    const never = fetchedAt === 0 && failure !== '';
    const notice = id('stale');
    notice.hidden = !stale && !never;
    document.body.classList.toggle('old', stale);
    if (stale) say(notice, 'Not updated for ' + ago(age) + ': lossgazer does not answer (' + failure + '). What you see is old. Trying again.');
    if (never) say(notice, 'lossgazer does not answer (' + failure + '). Trying again.');
    say(id('age'), fetchedAt === 0 ? '' : (paused ? 'paused, ' : 'updated ') + (age < 1.5 ? 'now' : ago(age) + ' ago'));
  }

  function draw(mayMove) {
    if (!data) return;
    drawHeads();
    drawTable(mayMove);
    drawHeadline();
    drawHealth();
    drawAge();
  }

  async function refresh() {
    if (asked) return;
    asked = true;
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), GIVE_UP);
    try {
      const answer = await fetch('./api/v1/peers' + (top ? '?top=' + top : ''), { cache: 'no-store', signal: stop.signal });
      if (!answer.ok) throw new Error('HTTP ' + answer.status);
      const next = await answer.json();
      next.peers.forEach((peer, i) => { peer.rank = i; });
      data = next;
      fetchedAt = Date.now();
      failure = '';
    } catch (error) {
      failure = error.name === 'AbortError' ? 'no answer within ' + GIVE_UP / 1000 + ' s' : error.message;
    } finally {
      clearTimeout(timer);
      asked = false;
    }
    if (failure === '') draw(false);
    drawAge();
  }

  id('search').addEventListener('input', () => draw(true));
  id('lossy').addEventListener('change', () => draw(true));
  id('resort').addEventListener('click', () => draw(true));
  id('all').addEventListener('click', () => { top = 0; refresh(); });
  function pause(on) {
    paused = on;
    id('pause').setAttribute('aria-pressed', String(on));
    if (!on) refresh();
    drawAge();
  }
  id('pause').addEventListener('click', () => pause(!paused));
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape' && event.target === id('search')) {
      id('search').value = '';
      draw(true);
      return;
    }
    if (event.target.matches('input')) return;
    if (event.key === '/') {
      event.preventDefault();
      id('search').focus();
    } else if (event.key === 'p') {
      pause(!paused);
    }
  });
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && !paused) refresh();
  });

  // Light, dark, or as the system has it. Storage may be forbidden.
  const THEMES = ['auto', 'light', 'dark'];
  let theme = 'auto';
  try { theme = localStorage.getItem('lossgazer-theme') || 'auto'; } catch (error) { /* auto */ }
  if (!THEMES.includes(theme)) theme = 'auto';
  function applyTheme() {
    if (theme === 'auto') document.documentElement.removeAttribute('data-theme');
    else document.documentElement.setAttribute('data-theme', theme);
    say(id('theme'), 'Theme: ' + theme);
  }
  id('theme').addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try { localStorage.setItem('lossgazer-theme', theme); } catch (error) { /* for this visit, then */ }
    applyTheme();
  });
  applyTheme();
  drawHeads();
  refresh();
  setInterval(() => { if (!paused && !document.hidden) refresh(); }, EVERY);
  setInterval(drawAge, 1000);
})();
