import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { createMcpAuth } from "../../../src/index.js";
import type { Product } from "../../support/stand-in/product.js";
import { type ProductHosts, serverUrlOf, startHosts } from "../../support/stand-in/product-hosts.js";
import { replaceText } from "../../support/stand-in/replace-text.js";
import { temporaryFolder } from "../../support/temporary-folder.js";
import { inPlace, placeFiles } from "./machine.js";

/** Calls the MCP server of a config and checks that the product has received its requests, and no others. */
export async function runProduct(product: Product, config: string): Promise<void> {
  const folder = await temporaryFolder();
  await using hosts = await startHosts(product, config);
  await placeFiles(product, hosts, folder);
  const failure = await call(product, config, hosts, folder).catch((error: unknown) => error);
  const { seen } = hosts;
  const refused = seen.filter(({ kind }) => kind === "refused");
  expect(refused.map(({ at, body, differences }) => ({ at, body, differences }))).toEqual([]);
  expect(failure).toBeUndefined();
  const accepted = seen.filter(({ kind }) => kind === "expected").map((one) => one.accepted);
  expect(accepted).toEqual(product.requests.map(({ url }) => url));
  expect(seen.filter(({ kind }) => kind === "call")).toHaveLength(1);
  for (const { kind, at, rawHeaders } of seen) {
    expect(product.unread ?? []).not.toContain(at);
    const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    if (kind === "metadata" || kind === "absent") expect(names).not.toContain("authorization");
  }
}

async function call(product: Product, config: string, hosts: ProductHosts, folder: string): Promise<void> {
  const path = join(folder, "mcp-auth.config.json");
  const placed = JSON.stringify(replaceText(JSON.parse(config), inPlace(hosts, folder)));
  await writeFile(path, withAuthority(placed, product), { mode: 0o600 });
  const { userToken, env = {} } = product;
  const variables = typeof env === "function" ? env(hosts.local) : env;
  const auth = await createMcpAuth({
    config: path,
    cwd: folder,
    env: { PATH: `${join(folder, "bin")}:${process.env["PATH"]}`, ...variables },
  });
  const warnings: unknown[] = [];
  auth.on("token:warning", ({ code }) => warnings.push(code));
  try {
    const [name = ""] = auth.servers;
    const manager = auth.resolve(name);
    const caller =
      userToken === undefined ? manager : manager.for({ key: "user", subjectToken: async () => userToken });
    const response = await caller.fetch(serverUrlOf(placed), { method: "POST", body: "{}" });
    expect(response.status).toBe(200);
    expect(warnings).toEqual(product.warnings ?? []);
  } finally {
    await auth.stop();
  }
}

/** Adds the test authority, which a config of the documentation cannot have. */
function withAuthority(config: string, { mutualTls }: Product): string {
  if (mutualTls === undefined) return config;
  return JSON.stringify({ ...JSON.parse(config), network: { ca: ["./test-authority.pem"] } });
}
