// Whatever an imported file contains: no error but violations, each in the file or in the config, and no value of the
// file in a message.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect } from "vitest";
import { formatViolation } from "../../src/config/format-violation.js";
import { checkConfig } from "../../src/config/load.js";
import { anyJson, canary, mangled } from "./garbage.js";
import { property } from "./property.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fuzz-import-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const server = { grant: { type: "static", token: { env: "TOKEN" } } } as const;
const names = ["crm", "constructor", "toString"] as const;
const config = {
  import: "host.json",
  servers: Object.fromEntries(names.map((name) => [name, server])),
};

const text = fc.constantFrom(
  "https://a.example/mcp",
  "http://127.0.0.1:1/",
  `https://u:${canary}@a.example/`,
  `https://a.example/\${${canary}}`,
  `https://a.example/\${input:${canary}}`,
  "https://$HOST/${A:-b}",
  canary,
  "",
);
const entry = fc.oneof(
  fc.record(
    {
      type: fc.constantFrom("http", "sse", "stdio", "streamableHttp", canary, 5),
      url: text,
      httpUrl: text,
      serverUrl: text,
      command: text,
      __proto__: text,
    },
    { requiredKeys: [] },
  ),
  anyJson,
);
const section = fc.dictionary(fc.constantFrom(...names, "__proto__", "other"), entry);
const host = fc
  .record({ mcpServers: section, servers: section, theme: anyJson }, { requiredKeys: [] })
  .map((data) => JSON.stringify(data));

property(
  "any imported file results in URLs or in violations that do not show it",
  [fc.oneof(host, mangled(host))],
  async (content) => {
    await writeFile(join(folder, "host.json"), content);
    const { violations, spec } = await checkConfig({ config, cwd: folder, env: { A: "a" } });
    for (const violation of violations) {
      expect([undefined, join(folder, "host.json")]).toContain(violation.file);
      if (violation.file !== undefined) expect(violation.line).toBeGreaterThan(0);
    }
    const shown = violations.map(formatViolation).join("\n");
    // Names of variables and servers are shown, because they are not values.
    const values = shown.replaceAll(/variable \w+ is|\$\{\w+:-|It has: .*|Did you mean .*/g, "");
    expect(values).not.toContain(canary);
    if (violations.length > 0) return;
    expect(spec?.servers.names.map((name) => typeof spec.servers.url(name))).toEqual(
      names.map(() => "string"),
    );
  },
);
