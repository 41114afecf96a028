// PromQL from names and labels. Every share has a denominator that is filtered to be above 0: no
// traffic gives no series, never NaN.

/** The labels that tell one peer's series apart. */
export const PEER = 'instance, peer, direction';

/** Of the instances and peers chosen. `more` is further matchers, such as `side="peer"`. */
export function ofPeers(more = '') {
  return `instance=~"$instance", peer=~"$peer"${more && `, ${more}`}`;
}

/** As ofPeers(), in the directions that are chosen. */
export function chosen(more = '') {
  return ofPeers(`direction=~"$direction"${more && `, ${more}`}`);
}

/** A counter's growth a second. */
export function rate(name, matchers) {
  return `rate(lossgazer_${name}{${matchers}}[$__rate_interval])`;
}

/** A counter's growth in the dashboard's time range. */
export function increase(name, matchers) {
  return `increase(lossgazer_${name}{${matchers}}[$__range])`;
}

/** @param {string} by labels to keep, or '' for one sum */
export function sum(expression, by = '') {
  return by ? `sum by (${by}) (${expression})` : `sum(${expression})`;
}

/** `part` of `whole`, which have the same labels. */
export function share(part, whole) {
  return `${part} / (${whole} > 0)`;
}

/**
 * Counted loss: lost / (census + lost).
 * @param {(name: string, matchers: string) => string} growth rate or increase
 * @param {(more?: string) => string} of which peers
 */
export function countedShare(growth, of, side, by = '') {
  const lost = sum(growth('lost_packets_total', of(`side="${side}", method="census"`)), by);
  const missed = sum(growth('lost_packets_total', of('method="census"')), by);
  const seen = sum(growth('census_packets_total', of()), by);
  return share(lost, `(${seen} + ${missed})`);
}

/** Inferred loss: lost / data segments. Parameters as for countedShare(). */
export function inferredShare(growth, of, side, by = '') {
  const lost = sum(growth('lost_packets_total', of(`side="${side}", method="sequence"`)), by);
  return share(lost, sum(growth('data_segments_total', of()), by));
}

/** The higher of counted and inferred loss. Parameters as for countedShare(). */
export function worstShare(growth, of, side, by) {
  const counted = countedShare(growth, of, side, by);
  const inferred = inferredShare(growth, of, side, by);
  const labelled = (expression, method) =>
    `label_replace(${expression}, "method", "${method}", "", "")`;
  return `max by (${by}) (${labelled(counted, 'census')} or ${labelled(inferred, 'sequence')})`;
}

/** Series of lossgazers alone, of a metric that every exporter has, on the instances chosen. */
export function ofLossgazer(expression) {
  return `${expression} and on (job, instance) lossgazer_build_info`;
}
