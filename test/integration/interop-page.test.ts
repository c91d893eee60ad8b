// Keeps docs/interop.md true: versions come from the lock files, results from the records of the conformance run.
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import * as z from "zod";

const root = new URL("../../", import.meta.url);

const read = async (path: string): Promise<unknown> =>
  JSON.parse(await readFile(new URL(path, root), "utf8"));

const lockFile = z.object({
  packages: z.record(z.string(), z.object({ version: z.string().optional() })),
});

const record = z.object({
  version: z.string(),
  wire: z.string().optional(),
  scenario: z.string(),
  passed: z.number(),
  issuerFrom: z.string().optional(),
  assertion: z.string().optional(),
  unmet: z.record(z.string(), z.string()).default({}),
});
const suite = z.object({
  wire: z.string(),
  scenarios: z.record(z.string(), z.object({ passed: z.number() })),
});
const expectations = z.object({ single: z.array(record), suite: z.array(suite) });
/** What tells apart two runs of one scenario. */
const details: Readonly<Record<string, string>> = {
  wrong_audience_jwt: "a JWT for another audience",
  expired_jwt: "an expired JWT",
  issuerFrom: "without `discover()` first",
};
const baseline = z.object({ checks: z.array(z.unknown()) });

test("docs/interop.md names the versions of the lock files, in the rows of what they are", async () => {
  const page = await interopPage();
  for (const [start, ...versions] of [
    ["| Bun |", ...(await locked("test/runtimes/package-lock.json", "bun"))],
    ["| Deno |", ...(await locked("test/runtimes/package-lock.json", "deno"))],
    [
      "| MCP SDK 2,",
      ...(await locked("package-lock.json", "@modelcontextprotocol/client", "@modelcontextprotocol/server")),
    ],
    ["| MCP SDK 1,", ...(await locked("package-lock.json", "@modelcontextprotocol/sdk"))],
    ["| authorization server: `oidc-provider`", ...(await locked("package-lock.json", "oidc-provider"))],
    [
      "| authorization server of the MCP conformance suite",
      ...(await locked(
        "test/conformance/package-lock.json",
        "@modelcontextprotocol/conformance",
        "conformance-0-1-16",
      )),
    ],
  ]) {
    const row = page.split("\n").find((line) => line.startsWith(start ?? ""));
    expect(row, start).toContain(`| ${versions.join(", ")} |`);
  }
});

test("docs/interop.md names the versions of Node that CI runs", async () => {
  const script = await readFile(new URL(".ci/run", root), "utf8");
  const [, others = ""] = /^for version in ([\d ]+); do$/m.exec(script) ?? [];
  expect(await interopPage()).toContain(`| Node | ${["20", ...others.split(" ")].join(", ")} |`);
});

test("docs/interop.md counts the hosts, and those that were not run, as docs/hosts.md does", async () => {
  const hosts = await readFile(new URL("docs/hosts.md", root), "utf8");
  const rows = [...hosts.matchAll(/^\| \[[^\]]+\]\(hosts\/([\w-]+)\.md\) \| (not run)?/gm)];
  const all = new Set(rows.map(([, name]) => name));
  const notRun = rows.filter(([, , isNotRun]) => isNotRun !== undefined);
  expect(await interopPage()).toContain(`| ${all.size - notRun.length} agent frameworks and tools |`);
  expect(await interopPage()).toContain(`${notRun.length} more have only settings`);
});

test("docs/interop.md has the results of the conformance run", async () => {
  expect(await interopPage()).toContain(await conformanceTable());
});

function interopPage(): Promise<string> {
  return readFile(new URL("docs/interop.md", root), "utf8");
}

async function locked(path: string, ...names: string[]): Promise<string[]> {
  const { packages } = lockFile.parse(await read(path));
  return names.map((name) => z.string().parse(packages[`node_modules/${name}`]?.version));
}

/** One row for each scenario, one column for each version of the suite and the protocol. */
async function conformanceTable(): Promise<string> {
  const { single, suite: suites } = expectations.parse(await read("test/conformance/expected.json"));
  const rows = new Map<string, Map<string, string>>();
  const add = (row: string, column: string, passed: number, others: number) => {
    const cells = rows.get(row) ?? new Map<string, string>();
    rows.set(row, cells.set(column, `${passed} of ${passed + others}`));
  };
  for (const { version, wire, scenario, passed, issuerFrom, assertion, unmet } of single) {
    const detail = details[assertion ?? (issuerFrom === undefined ? "" : "issuerFrom")];
    const name = scenario.replace("auth/", "");
    add(
      detail === undefined ? `\`${name}\`` : `\`${name}\`, ${detail}`,
      wire ?? version,
      passed,
      Object.keys(unmet).length,
    );
  }
  for (const { wire, scenarios } of suites) {
    const { checks } = baseline.parse(await read(`test/conformance/baseline-${wire}.json`));
    const passed = Object.values(scenarios).reduce((sum, each) => sum + each.passed, 0);
    add("the whole `auth` suite", wire, passed, checks.length);
  }
  const columns = ["2025-11-25", "2026-07-28", "0.1.16"];
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(["scenario", "protocol 2025-11-25", "protocol 2026-07-28", "suite 0.1.16"]),
    line(["---", "---", "---", "---"]),
    ...[...rows].map(([row, cells]) => line([row, ...columns.map((column) => cells.get(column) ?? "–")])),
  ].join("\n");
}
