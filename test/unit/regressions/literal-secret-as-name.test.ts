import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createMcpAuth } from "../../../src/index.js";
import { temporaryFolder } from "../../support/temporary-folder.js";
import { caught } from "./world.js";

async function messageFor(name: string, text: string): Promise<string> {
  const config = join(await temporaryFolder(), name);
  await writeFile(config, text);
  const error = await caught(createMcpAuth({ config, env: {} }));
  return `${String(error)} ${JSON.stringify(error)}`;
}

test("the error for YAML without a space after `secret:` does not show the secret", async () => {
  const text =
    "servers: {crm: {url: https://crm.example/mcp, grant: {client: {issuer: https://a.example, id: a, secret:hunter2-CANARY}}}}";
  expect(await messageFor("mcp-auth.config.yaml", text)).not.toContain("hunter2");
});

test("the error for a number instead of a variable name does not show the number", async () => {
  const client = { issuer: "https://a.example", id: "a", secret: { env: 99887766554433 } };
  const text = JSON.stringify({ servers: { crm: { url: "https://crm.example/mcp", grant: { client } } } });
  expect(await messageFor("mcp-auth.config.json", text)).not.toContain("99887766554433");
});
