import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatViolation } from "../../../src/config/format-violation.js";
import { checkConfig } from "../../../src/config/load.js";
import { folder } from "./folder.js";
import { violationsOf } from "./violations-of.js";

async function checked(name: "c.json" | "c.yaml", text: string) {
  const cwd = await folder({ [name]: text });
  const { violations, fixed } = await checkConfig({ cwd, env: {}, cliPath: join(cwd, name) });
  const lines = violations.map((violation) =>
    formatViolation(violation)
      .replace(/^.*(?= \/)/, "")
      .trim(),
  );
  return { lines, fixed: fixed?.text };
}

const yaml = (written: string) => `servers:
  crm:
    url: https://crm.example/mcp
    grant:
      client:
        issuer: https://auth.example
        id: ${written} # ours
`;
const json = (written: string) => `{
  // ours
  "servers": { "crm": { "url": "https://crm.example/mcp", "grant": {
    "client": { "issuer": "https://auth.example", "id": ${written} } } } }
}
`;
const id = "/servers/crm/grant/client/id";

describe("a client id without quotes", () => {
  test.each([
    "312445678901234567",
    "-312445678901234567",
    "0123",
    "1e5",
    "1.10",
    "0x1F",
    "0o17",
    "+5",
    "5",
    ".5",
    ".inf",
    "12345678901234567890123456789012345678901234567890",
  ])("in YAML is shown as it is written, and gets quotes: %s", async (written) => {
    const { lines, fixed } = await checked("c.yaml", yaml(written));
    expect(lines).toEqual([`${id}: Must be a string, found ${written}. Write it in quotes: "${written}".`]);
    expect(fixed).toBe(yaml(`"${written}"`));
    expect(await checked("c.yaml", fixed ?? "")).toEqual({ lines: [], fixed: undefined });
  });

  test.each(["312445678901234567", "-5", "1e5", "1.10", "5"])(
    "in JSON is shown as it is written, and gets quotes: %s",
    async (written) => {
      const { lines, fixed } = await checked("c.json", json(written));
      expect(lines).toEqual([`${id}: Must be a string, found ${written}. Write it in quotes: "${written}".`]);
      expect(fixed).toBe(json(`"${written}"`));
      expect(await checked("c.json", fixed ?? "")).toEqual({ lines: [], fixed: undefined });
    },
  );

  test.each(["yes", "no", "on", "2026-11-28", "1_000", "12:30", "1.2.3", "0b101", "08x", "y"])(
    "in YAML is a text, and needs none: %s",
    async (written) => {
      expect(await checked("c.yaml", yaml(written))).toEqual({ lines: [], fixed: undefined });
    },
  );

  test.each([
    ["null", "found null"],
    ["~", "found null"],
    ["", "found null"],
    ["true", "found true"],
    ["False", "found false"],
    ["[1]", "found a list"],
  ])("that may mean something else gets none: %s", async (written, found) => {
    expect(await checked("c.yaml", yaml(written))).toEqual({
      lines: [`${id}: Must be a string, ${found}.`],
      fixed: undefined,
    });
  });

  test("with a tag is not corrected", async () => {
    const { lines, fixed } = await checked("c.yaml", yaml("!!int 5"));
    expect(lines).toEqual([`${id}: Must be a string, found 5. Write it in quotes.`]);
    expect(fixed).toBeUndefined();
  });

  test("that is an alias is corrected only where its anchor is", async () => {
    const text = `clients:
  a: { issuer: https://auth.example, id: &id 0123 }
  b: { issuer: https://auth.example, id: *id }
servers: { crm: { url: https://crm.example/mcp, grant: { client: a } } }
`;
    const { lines, fixed } = await checked("c.yaml", text);
    expect(lines).toEqual([
      '/clients/a/id: Must be a string, found 0123. Write it in quotes: "0123".',
      "/clients/b/id: Must be a string, found 123. Write it in quotes.",
    ]);
    expect(fixed).toBe(text.replace("&id 0123", '&id "0123"'));
    expect((await checked("c.yaml", fixed ?? "")).lines).toEqual([]);
  });

  test("in code is not shown with other digits", async () => {
    const config = (value: unknown) => ({
      servers: {
        crm: {
          url: "https://crm.example/mcp",
          grant: { client: { issuer: "https://auth.example", id: value } },
        },
      },
    });
    expect(await violationsOf(config(Number("312445678901234567")))).toEqual([
      `${id}: Must be a string, found a number with too many digits. Write it in quotes.`,
    ]);
    expect(await violationsOf(config(5))).toEqual([`${id}: Must be a string, found 5. Write it in quotes.`]);
  });
});

describe("another value without quotes", () => {
  const server = (inner: string) => `servers:
  crm:
    url: https://crm.example/mcp
    grant: { client: { issuer: https://auth.example, id: a } }
    ${inner}
`;

  test.each(["5", "true", "0123"])("in a header gets quotes and is not shown: %s", async (written) => {
    const { lines, fixed } = await checked("c.yaml", server(`headers: { x-tenant: ${written} }`));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^\/servers\/crm\/headers\/x-tenant: .* Write it in quotes\.$/);
    if (written !== "true") expect(lines[0]).toContain("found a number.");
    expect(fixed).toBe(server(`headers: { x-tenant: "${written}" }`));
  });

  test("in a list gets quotes", async () => {
    const { lines, fixed } = await checked("c.yaml", server("stepUp: [1, b, 02]"));
    expect(lines).toEqual([
      '/servers/crm/stepUp/0: Must be a string, found 1. Write it in quotes: "1".',
      '/servers/crm/stepUp/2: Must be a string, found 02. Write it in quotes: "02".',
    ]);
    expect(fixed).toBe(server('stepUp: ["1", b, "02"]'));
  });

  test("that would not be valid in quotes gets none", async () => {
    for (const inner of ["timeout: 30", "reach: 5", "retry: { min: 1 }"]) {
      const { lines, fixed } = await checked("c.yaml", server(inner));
      expect(lines).toHaveLength(1);
      expect(lines[0]).not.toContain("quotes");
      expect(fixed).toBeUndefined();
    }
  });
});
