// What all dashboards share: kinds of panels with one look, variables, and the frame around them.

import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as heatmap from '@grafana/grafana-foundation-sdk/heatmap';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as statetimeline from '@grafana/grafana-foundation-sdk/statetimeline';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as text from '@grafana/grafana-foundation-sdk/text';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';

/**
 * @typedef {object} Query
 * @property {string} expr
 * @property {string} [legend] with {{label}}s
 *
 * @typedef {object} PanelOptions
 * @property {string} title
 * @property {string} description how to read it, and the healthy value
 * @property {Query[]} queries
 * @property {string} unit
 * @property {number} span of 24
 * @property {number} [height]
 * @property {number} [max]
 * @property {[number, string][]} [steps] from which value on, which colour; green below
 * @property {boolean} [stacked]
 * @property {string[]} [unstacked] legends of lines that stand before the stack
 * @property {string} [noValue]
 *
 * @typedef {object} Column
 * @property {string} [expr] for a label, none
 * @property {string} name the label's name, or the heading
 * @property {string} [unit]
 * @property {[number, string][]} [steps]
 * @property {string} [link] opened by a click, ${__value.raw} is the cell
 */

const DATASOURCE = {type: 'prometheus', uid: '${datasource}'};

/** Shares of loss: below 0.1 % nobody notices, at 1 % TCP slows down, at 5 % it barely moves. */
export const LOSS_STEPS = /** @type {[number, string][]} */ ([
  [0.001, 'yellow'],
  [0.01, 'orange'],
  [0.05, 'red'],
]);

/** Of what should be 0. */
export const ANY_STEPS = /** @type {[number, string][]} */ ([[1e-9, 'red']]);

/** Of what has a limit: filling, and all but full. */
export const FILL_STEPS = /** @type {[number, string][]} */ ([
  [0.8, 'orange'],
  [0.95, 'red'],
]);

/** @param {[number, string][]} steps */
function thresholds(steps) {
  const all = [{value: null, color: 'green'}, ...steps.map(([value, color]) => ({value, color}))];
  return new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    .steps(/** @type {dashboard.Threshold[]} */ (all));
}

/** @param {number} index */
function refId(index) {
  return String.fromCharCode('A'.charCodeAt(0) + index);
}

/**
 * @param {Query} query
 * @param {number} index
 */
function ranged({expr, legend = ''}, index) {
  return new prometheus.DataqueryBuilder()
    .datasource(DATASOURCE)
    .refId(refId(index))
    .expr(expr)
    .range()
    .legendFormat(legend || '__auto');
}

/**
 * @param {string} expr
 * @param {number} index
 */
function tabular(expr, index) {
  return new prometheus.DataqueryBuilder()
    .datasource(DATASOURCE)
    .refId(refId(index))
    .expr(expr)
    .instant()
    .format(prometheus.PromQueryFormat.Table);
}

/** @param {PanelOptions} options */
export function timeSeries(options) {
  const panel = new timeseries.PanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(DATASOURCE)
    .targets(options.queries.map(ranged))
    .unit(options.unit)
    .span(options.span)
    .height(options.height ?? 8)
    .min(0)
    .lineWidth(1)
    .fillOpacity(options.stacked ? 40 : 10)
    .showPoints(common.VisibilityMode.Never)
    .spanNulls(false)
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(common.LegendDisplayMode.Table)
        .placement(common.LegendPlacement.Bottom)
        .calcs(['lastNotNull', 'max']),
    )
    .tooltip(
      new common.VizTooltipOptionsBuilder()
        .mode(common.TooltipDisplayMode.Multi)
        .sort(common.SortOrder.Descending),
    );
  if (options.max !== undefined) panel.max(options.max);
  if (options.steps) {
    panel
      .thresholds(thresholds(options.steps))
      .thresholdsStyle(
        new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed),
      );
  }
  if (options.stacked) {
    panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
  }
  for (const name of options.unstacked ?? []) {
    panel.overrideByName(name, [
      {id: 'custom.stacking', value: {mode: 'none', group: 'A'}},
      {id: 'custom.fillOpacity', value: 0},
      {id: 'custom.lineStyle', value: {fill: 'dash', dash: [8, 6]}},
      {id: 'color', value: {mode: 'fixed', fixedColor: 'text'}},
    ]);
  }
  return panel;
}

/** @param {PanelOptions} options */
export function single(options) {
  const panel = new stat.PanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(DATASOURCE)
    .targets(options.queries.map(ranged))
    .unit(options.unit)
    .span(options.span)
    .height(options.height ?? 4)
    .thresholds(thresholds(options.steps ?? []))
    .colorMode(common.BigValueColorMode.Value)
    .graphMode(common.BigValueGraphMode.Area)
    .noValue(options.noValue ?? 'no traffic')
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']));
  return panel;
}

/** @param {PanelOptions & {mappings: dashboard.ValueMapping[]}} options */
export function states(options) {
  return new statetimeline.PanelBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(DATASOURCE)
    .targets(options.queries.map(ranged))
    .span(options.span)
    .height(options.height ?? 6)
    .mappings(options.mappings)
    .showValue(common.VisibilityMode.Never)
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom),
    );
}

/**
 * A row of the table for each set of labels; a column for each label, and for each query.
 *
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.description
 * @param {number} options.span
 * @param {number} [options.height]
 * @param {Column[]} options.columns
 * @param {string} [options.sortBy]
 * @param {string[]} [options.hidden] labels that are not shown
 */
export function rows({title, description, span, height, columns, sortBy, hidden}) {
  const queries = columns.filter((column) => column.expr);
  // Grafana calls a query's column by its refId, unless it is the only one.
  const field = (column) =>
    !column.expr
      ? column.name
      : queries.length > 1
        ? `Value #${refId(queries.indexOf(column))}`
        : 'Value';
  const excluded = Object.fromEntries(['Time', ...(hidden ?? [])].map((name) => [name, true]));
  const panel = new table.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .targets(queries.map(({expr}, index) => tabular(expr ?? '', index)))
    .span(span)
    .height(height ?? 9)
    .noValue('-')
    .filterable(true)
    .transformations([
      {id: 'merge', options: {}},
      {
        id: 'organize',
        options: {
          excludeByName: excluded,
          indexByName: Object.fromEntries(columns.map((column, index) => [field(column), index])),
          renameByName: Object.fromEntries(
            columns.filter(({expr}) => expr).map((column) => [field(column), column.name]),
          ),
        },
      },
    ]);
  if (sortBy) {
    panel.sortBy([new common.TableSortByFieldStateBuilder().displayName(sortBy).desc(true)]);
  }
  for (const column of columns) {
    const properties = [];
    if (column.unit) properties.push({id: 'unit', value: column.unit});
    if (column.steps) {
      properties.push(
        {id: 'thresholds', value: thresholds(column.steps).build()},
        {id: 'custom.cellOptions', value: {type: 'color-background', mode: 'basic'}},
      );
    }
    if (column.link) {
      const link = {title: `Show only \${__value.raw}`, url: column.link};
      properties.push({id: 'links', value: [link]});
    }
    if (properties.length > 0) panel.overrideByName(column.name, properties);
  }
  return panel;
}

/**
 * A matrix of sources (rows) and destinations (columns), coloured by loss.
 *
 * @param {{title: string, description: string, expr: string, span: number}} options
 */
export function matrix({title, description, expr, span}) {
  const corner = 'source\\destination'; // as the transformation names it
  return new table.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .targets([tabular(expr, 0)])
    .span(span)
    .height(10)
    .unit('percentunit')
    .decimals(2)
    .noValue('-')
    .thresholds(thresholds(LOSS_STEPS))
    .cellOptions({
      type: common.TableCellDisplayMode.ColorBackground,
      mode: common.TableCellBackgroundDisplayMode.Basic,
    })
    .transformations([
      {
        id: 'groupingToMatrix',
        options: {
          columnField: 'destination',
          rowField: 'source',
          valueField: 'Value',
          emptyValue: 'null',
        },
      },
    ])
    .overrideByName(corner, [
      {id: 'custom.cellOptions', value: {type: 'auto'}},
      {id: 'displayName', value: 'from \\ to'},
    ]);
}

/**
 * Loss over time, a row for each series.
 *
 * @param {{title: string, description: string, query: Query, span: number}} options
 */
export function lossHeatmap({title, description, query, span}) {
  return new heatmap.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .targets([ranged(query, 0)])
    .span(span)
    .height(10)
    .calculate(false)
    // Grafana leaves out zeros unless told otherwise; here they are what is healthy.
    .filterValues(new heatmap.FilterValueRangeBuilder().le(-1))
    .cellGap(1)
    .cellValues(new heatmap.CellValuesBuilder().unit('percentunit').decimals(2))
    .yAxis(new heatmap.YAxisConfigBuilder().axisPlacement(common.AxisPlacement.Left))
    .showLegend()
    .color(
      new heatmap.HeatmapColorOptionsBuilder()
        .mode(heatmap.HeatmapColorMode.Scheme)
        .scheme('RdYlGn')
        .reverse(false)
        .steps(64)
        .min(0)
        .max(0.05),
    );
}

/** @param {{content: string, height: number}} options Markdown that tells how to read the page */
export function words({content, height}) {
  return new text.PanelBuilder()
    .title('How to read this')
    .description('What the words mean. Healthy: understood.')
    .mode(text.TextMode.Markdown)
    .content(content)
    .span(24)
    .height(height);
}

export function datasourceVariable() {
  return new dashboard.DatasourceVariableBuilder('datasource')
    .label('Prometheus')
    .description('The Prometheus that scrapes lossgazer.')
    .type('prometheus');
}

/**
 * All values of a label, several of which may be chosen.
 *
 * @param {{name: string, label: string, description: string, values: string}} options
 */
export function labelVariable({name, label, description, values}) {
  return new dashboard.QueryVariableBuilder(name)
    .label(label)
    .description(description)
    .datasource(DATASOURCE)
    .query({query: values, refId: 'PrometheusVariableQueryEditor-VariableQuery'})
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.NaturalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({selected: true, text: 'All', value: '$__all'});
}

/**
 * @param {string} name
 * @param {string} label
 * @param {string} description
 * @param {string[]} values
 */
export function fixedVariable(name, label, description, values) {
  return new dashboard.CustomVariableBuilder(name)
    .label(label)
    .description(description)
    .values(values.join(','))
    .options(values.map((value) => ({selected: false, text: value, value})))
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({selected: true, text: 'All', value: '$__all'});
}

/** Whose view of the network. */
export function instanceVariable() {
  return labelVariable({
    name: 'instance',
    label: 'Instance',
    description: 'Whose view: the host (and port) that runs lossgazer.',
    values: 'label_values(lossgazer_build_info, instance)',
  });
}

/**
 * @param {object} options
 * @param {string} options.uid
 * @param {string} options.title
 * @param {string} options.description
 * @param {any[]} options.variables
 * @param {string} options.range such as now-1h
 */
export function frame({uid, title, description, variables, range}) {
  return new dashboard.DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['lossgazer'])
    .editable()
    .refresh('30s')
    .time({from: range, to: 'now'})
    .timezone('browser')
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .variables([datasourceVariable(), ...variables])
    .annotation(
      new dashboard.AnnotationQueryBuilder()
        .name('Alerts')
        .datasource(DATASOURCE)
        .enable(true)
        .hide(false)
        .iconColor('red')
        .expr('ALERTS{alertname=~"Lossgazer.*", alertstate="firing"}'),
    )
    .link(
      new dashboard.DashboardLinkBuilder('lossgazer')
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags(['lossgazer'])
        .asDropdown(false)
        .includeVars(true)
        .keepTime(true)
        .targetBlank(false)
        .icon('external link')
        .tooltip('The other dashboards of lossgazer'),
    );
}

/** @param {string} title */
export function row(title) {
  return new dashboard.RowBuilder(title);
}

/**
 * The dashboard as JSON text. Panels get their ids by their order.
 *
 * @param {dashboard.DashboardBuilder} builder
 */
export function json(builder) {
  const built = builder.build();
  (built.panels ?? []).forEach((panel, index) => {
    panel.id = index + 1;
  });
  return `${JSON.stringify(built, null, 2)}\n`;
}
