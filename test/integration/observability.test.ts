// The dashboard and the alerts ask for metrics and labels that exist.
import { readFile } from "node:fs/promises";
import { parser } from "@prometheus-io/lezer-promql";
import { describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { proxyMetrics } from "../../src/proxy/metrics.js";
import { type Instrument, instruments } from "../../src/telemetry/instruments.js";
import { prometheusLabel, prometheusName } from "../../src/telemetry/prometheus.js";

const folder = new URL("../../examples/observability/", import.meta.url);
const read = (name: string) => readFile(new URL(name, folder), "utf8");

interface Query {
  readonly where: string;
  readonly text: string;
}

/** The labels of each metric that exists, by its name. */
const labelsOf = new Map<string, ReadonlySet<string>>();
for (const instrument of Object.values<Instrument>(instruments)) {
  const labels = [...instrument.attributes.map(prometheusLabel)];
  note(prometheusName(instrument), instrument.kind, labels);
  // The name that the exporter of the SDK for JavaScript uses.
  note(prometheusName({ ...instrument, unit: "" }), instrument.kind, labels);
}
for (const [name, { kind, labels }] of Object.entries(proxyMetrics)) {
  const ofServer = name === "mcp_auth_proxy_ready" ? [] : [prometheusLabel("server")];
  note(name, kind, [...labels, ...ofServer]);
}

function note(name: string, kind: Instrument["kind"], labels: readonly string[]): void {
  // Prometheus adds `instance` and `job` to everything that it scrapes.
  const all = new Set([...labels, "instance", "job"]);
  const suffixes = kind === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
  for (const suffix of suffixes)
    labelsOf.set(`${name}${suffix}`, suffix === "_bucket" ? new Set([...all, "le"]) : all);
}

interface Selector {
  readonly names: readonly string[];
  readonly labels: readonly string[];
}

interface Parsed {
  readonly selectors: readonly Selector[];
  /** The labels of `by`, `on` and `without`. */
  readonly grouping: readonly string[];
}

/** Parses a query. Throws for a syntax error. */
function parseQuery({ where, text: withVariables }: Query): Parsed {
  const text = withVariables.replaceAll("$__rate_interval", "5m");
  const selectors: { names: string[]; labels: string[] }[] = [];
  const grouping: string[] = [];
  parser.parse(text).iterate({
    enter(node) {
      const slice = text.slice(node.from, node.to);
      if (node.type.isError) throw new Error(`${where}: a syntax error at ${node.from} in ${text}`);
      if (node.name === "VectorSelector") selectors.push({ names: [], labels: [] });
      if (node.name === "Identifier" && node.matchContext(["VectorSelector"]))
        selectors.at(-1)?.names.push(slice);
      if (node.name.endsWith("LabelMatcher")) {
        const [, label = "", operator = "", value = ""] = /^(\w+)\s*(=~|!=|!~|=)\s*"(.*)"$/.exec(slice) ?? [];
        if (label === "__name__") selectors.at(-1)?.names.push(...namesLike(operator, value));
        else selectors.at(-1)?.labels.push(label);
      }
      if (node.name === "LabelName" && node.matchContext(["GroupingLabels"])) grouping.push(slice);
    },
  });
  return { selectors, grouping };
}

function namesLike(operator: string, value: string): readonly string[] {
  const pattern = new RegExp(`^(?:${value})$`);
  return operator === "=~" ? [...labelsOf.keys()].filter((name) => pattern.test(name)) : [value];
}

/** Returns what a query asks for and no process has. */
function unknownsIn(query: Query): readonly string[] {
  const { selectors, grouping } = parseQuery(query);
  const unknown: string[] = [];
  if (selectors.length === 0) unknown.push("no metric");
  for (const { names, labels } of selectors) {
    if (names.length === 0) unknown.push(`a selector without a known metric: ${query.text}`);
    for (const name of names) {
      const known = labelsOf.get(name);
      if (known === undefined) unknown.push(name);
      for (const label of labels) if (known?.has(label) === false) unknown.push(`${name}{${label}}`);
    }
  }
  const some = new Set(
    selectors.flatMap(({ names }) => names.flatMap((name) => [...(labelsOf.get(name) ?? [])])),
  );
  for (const label of grouping) if (!some.has(label)) unknown.push(`by (${label})`);
  return unknown;
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly description: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly refId: string; readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[];
  };
}

// The shape of a dashboard of Grafana, and below that of a rule file of Prometheus.
const dashboard = async (): Promise<Dashboard> => JSON.parse(await read("grafana-dashboard.json"));

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}

async function rules(): Promise<readonly Rule[]> {
  const { groups } = parseYaml(await read("alerts.yml")) as { groups: readonly { rules: readonly Rule[] }[] };
  return groups.flatMap((group) => group.rules);
}

describe("the dashboard", () => {
  test("every query parses, and asks for metrics and labels that exist", async () => {
    const { panels } = await dashboard();
    const queries = panels.flatMap(({ title, targets }) =>
      targets.map(({ expr }) => ({ where: title, text: expr })),
    );
    expect(queries.length).toBeGreaterThanOrEqual(panels.length);
    for (const query of queries) expect([query.where, unknownsIn(query)]).toEqual([query.where, []]);
  });

  test("its variables exist, and their values come from a label that exists", async () => {
    const { panels, templating } = await dashboard();
    const names = templating.list.map(({ name }) => name);
    const used = JSON.stringify(panels).match(/\$\{?\w+/g) ?? [];
    const own = new Set(
      used.map((name) => name.replace(/^\$\{?/, "")).filter((name) => !name.startsWith("__")),
    );
    expect([...own].sort()).toEqual([...names].sort());
    for (const { type, definition = "" } of templating.list) {
      if (type !== "query") continue;
      const [, metric = "", label = ""] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? [];
      expect([definition, labelsOf.get(metric)?.has(label)]).toEqual([definition, true]);
    }
  });

  test("each panel says what to do, and none covers another", async () => {
    const { panels } = await dashboard();
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    for (const { title, description, gridPos } of panels) {
      expect([title, description.length > 80, gridPos.x + gridPos.w <= 24]).toEqual([title, true, true]);
    }
  });
});

describe("the alerts", () => {
  test("every expression parses, and asks for metrics and labels that exist", async () => {
    for (const { alert, expr } of await rules()) {
      expect([alert, unknownsIn({ where: alert, text: expr })]).toEqual([alert, []]);
    }
  });

  test("each alert has a summary, a description, and a heading of the documentation", async () => {
    const page = await readFile(new URL("../../docs/observing.md", import.meta.url), "utf8");
    const anchors = [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, "")
        .replaceAll(" ", "-"),
    );
    for (const { alert, annotations } of await rules()) {
      expect([alert, Object.keys(annotations).sort()]).toEqual([alert, ["description", "doc", "summary"]]);
      const [file, anchor] = annotations["doc"]?.split("#") ?? [];
      expect([alert, file, anchors.includes(anchor ?? "")]).toEqual([alert, "docs/observing.md", true]);
    }
  });
});

test("a query with another metric or label is found", () => {
  const unknown = (text: string) => unknownsIn({ where: "test", text });
  expect(unknown("mcp_auth_token_renewed_total")).toEqual(["mcp_auth_token_renewed_total"]);
  expect(unknown('mcp_auth_token_state{server="crm"}')).toEqual(["mcp_auth_token_state{server}"]);
  expect(unknown("sum by (state) (mcp_auth_token_state)")).toEqual(["by (state)"]);
  expect(unknown('{__name__=~"mcp_auth_no.*"}')).toHaveLength(1);
  expect(() => unknown("sum by (")).toThrow("syntax error");
});

test("the table of metrics in the documentation has every metric, with its type and labels", async () => {
  const page = await readFile(new URL("../../docs/observing.md", import.meta.url), "utf8");
  const rows = new Set(page.split("\n").filter((line) => line.startsWith("| `mcp_auth")));
  const labels = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(", ");
  const expected = [
    ...Object.values<Instrument>(instruments).map((instrument) => {
      const { name, kind, description, attributes } = instrument;
      const type = kind === "total" ? "gauge" : kind;
      return `| \`${name}\` | \`${prometheusName(instrument)}\` | ${type} | ${labels(attributes)} | ${description} |`;
    }),
    ...Object.entries(proxyMetrics).map(([name, { kind, description, labels: own }]) => {
      const all = name === "mcp_auth_proxy_ready" ? [] : ["server", ...own];
      return `| | \`${name}\` | ${kind} | ${labels(all)} | ${description} |`;
    }),
  ];
  for (const row of expected) expect(page).toContain(row);
  expect(rows.size).toBe(Object.keys(instruments).length);
});
