import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { newConfigText } from "../../../../src/cli/init/new-config.js";
import { temporaryFolder } from "../../../support/temporary-folder.js";

const config = {
  servers: {
    crm: {
      url: "https://crm.example/mcp",
      grant: { client: { issuer: "https://auth.example", id: "crm-agent", secret: { env: "CRM_SECRET" } } },
    },
  },
};

async function installed(): Promise<string> {
  const folder = await temporaryFolder();
  const schema = join(folder, "node_modules/mcp-auth-runtime/schema");
  await mkdir(schema, { recursive: true });
  await writeFile(join(schema, "mcp-auth.schema.json"), "{}");
  return folder;
}

test("a new JSON config is written as a person would, and names no schema that is not there", async () => {
  const folder = await temporaryFolder();
  expect(await newConfigText(join(folder, "a.json"), config)).toBe(`{
  "servers": {
    "crm": {
      "url": "https://crm.example/mcp",
      "grant": {
        "client": {
          "issuer": "https://auth.example",
          "id": "crm-agent",
          "secret": { "env": "CRM_SECRET" }
        }
      }
    }
  }
}
`);
});

test("a new config names the schema of the installed package, also one in a folder above", async () => {
  const folder = await installed();
  await mkdir(join(folder, "packages/agent"), { recursive: true });
  const schema = "node_modules/mcp-auth-runtime/schema/mcp-auth.schema.json";
  const text = await newConfigText(join(folder, "a.json"), config);
  expect(JSON.parse(text)).toEqual({ $schema: `./${schema}`, ...config });
  const below = await newConfigText(join(folder, "packages/agent/a.json"), config);
  expect(JSON.parse(below)).toEqual({ $schema: `../../${schema}`, ...config });
});

test("a new YAML config names the schema in the comment that editors read", async () => {
  const folder = await installed();
  expect(
    await newConfigText(join(folder, "a.yaml"), config),
  ).toBe(`# yaml-language-server: $schema=./node_modules/mcp-auth-runtime/schema/mcp-auth.schema.json
servers:
  crm:
    url: https://crm.example/mcp
    grant:
      client:
        issuer: https://auth.example
        id: crm-agent
        secret: { env: CRM_SECRET }
`);
});
