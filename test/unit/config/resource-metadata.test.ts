import { expect, it } from "vitest";
import type { McpAuthConfig } from "../../../src/config/define-config.js";
import { loadConfig } from "../../../src/config/load.js";
import type { ServerSpec } from "../../../src/config/spec.js";
import { rejectionOf } from "../../support/rejection-of.js";

const client = { issuer: "https://auth.example", id: "agent", secret: { env: "SECRET" } };

async function load(resourceMetadata: unknown, more: object = {}): Promise<ServerSpec> {
  const crm = { url: "https://crm.example/mcp", grant: { client }, resourceMetadata };
  // JSON can have values that the types do not allow.
  const config = { servers: { crm }, ...more } as McpAuthConfig;
  const { servers } = await loadConfig({ config, cwd: "/project", env: { HOST: "meta.example" } });
  const entry = servers.get("crm");
  if (entry === undefined || "failure" in entry) throw entry?.failure;
  return entry.spec;
}

it.each<[written: unknown, meant: unknown]>([
  ["https://meta.example/crm", "https://meta.example/crm"],
  ["https://${HOST}/crm", "https://meta.example/crm"],
  ["http://127.0.0.1:3000/meta", "http://127.0.0.1:3000/meta"],
  [false, false],
])("`resourceMetadata` can be %j", async (written, meant) => {
  expect((await load(written)).resourceMetadata).toBe(meant);
});

it.each([true, "", "meta", "/meta", "ftp://meta.example", "https://user:x@meta.example/", 7])(
  "`resourceMetadata` cannot be %j, which is one violation at its place",
  async (written) => {
    const error = await rejectionOf(load(written));
    expect(error.code).toBe("config_invalid");
    expect(error.violations?.map(({ pointer }) => pointer)).toEqual(["/servers/crm/resourceMetadata"]);
  },
);

it("`resourceMetadata` with plain http is insecure, unless the config allows that host", async () => {
  const url = "http://meta.mesh/crm";
  expect((await rejectionOf(load(url))).code).toBe("insecure_url");
  const network = { allowInsecureHttp: ["meta.mesh"] };
  expect((await load(url, { network })).resourceMetadata).toBe(url);
});
