import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkConfig } from "../../../src/config/load.js";
import { folder } from "./folder.js";

async function fixed(name: string, text: string): Promise<string | undefined> {
  const cwd = await folder({ [name]: text });
  return (await checkConfig({ cwd, env: {}, cliPath: join(cwd, name) })).fixed?.text;
}

describe("corrections that are unambiguous", () => {
  test("corrections in JSON keep comments and layout", async () => {
    const text = `{
  // ours
  "clients": { "acme": { "issuer": "https://auth.example", "id": "a", "secret": "\${CRM_SECRET}" } },
  "servers": { "crm": { "ulr": "https://crm.example/mcp", "grant": { "cleint": "amce" }, "reach": "orgin" } },
}
`;
    expect(await fixed("c.json", text)).toBe(`{
  // ours
  "clients": { "acme": { "issuer": "https://auth.example", "id": "a", "secret": { "env": "CRM_SECRET" } } },
  "servers": { "crm": { "url": "https://crm.example/mcp", "grant": { "client": "amce" }, "reach": "origin" } },
}
`);
  });

  test("corrections in YAML keep comments, layout and the kind of quotes", async () => {
    const text = `servers: # ours
  crm:
    "ulr": https://crm.example/mcp
    reach: 'orgin'
    grant:
      clinet: { issuer: https://auth.example, id: a, secret: "\${CRM_SECRET}" }
`;
    expect(await fixed("c.yaml", text)).toBe(`servers: # ours
  crm:
    "url": https://crm.example/mcp
    reach: 'origin'
    grant:
      client: { issuer: https://auth.example, id: a, secret: "\${CRM_SECRET}" }
`);
  });

  test("items of a list are corrected", async () => {
    const text = `{
  "store": { "type": "file", "encryptionKey": ["\${K1}", { "file": "./k2" }, "\${K3}"] },
  "servers": { "crm": { "url": "https://crm.example/mcp", "grant": { "client": { "issuer": "https://auth.example", "id": "a" } } } }
}
`;
    expect(await fixed("c.json", text)).toBe(
      text.replace('"${K1}"', '{ "env": "K1" }').replace('"${K3}"', '{ "env": "K3" }'),
    );
  });

  test("a second run corrects the mistakes that the first run uncovered", async () => {
    const text = `servers: { crm: { url: https://crm.example/mcp, grant: { client: { issuer: https://auth.example, id: a, secret: "\${S}" } } } }`;
    expect(await fixed("c.yaml", text)).toBe(text.replace('"${S}"', '{ "env": "S" }'));
  });

  test("a literal secret, a name that resembles no other and a text with escapes are not corrected", async () => {
    const server = (inner: string) =>
      `{ "servers": { "crm": { "url": "https://crm.example/mcp", ${inner} } } }`;
    const client = `"issuer": "https://auth.example", "id": "a"`;
    for (const text of [
      server(`"grant": { "client": { ${client}, "secret": "hunter2-hunter2" } }`),
      server(`"grant": { "client": { ${client} } }, "zzzzzz": 1`),
      server(`"grant": { "client": { ${client} } }, "reach": "or\\u0067in"`),
      server(`"grant": { "client": { ${client} } }`),
      server(`"grant": { "client": { ${client}, "key": { "privateKey": { "env": "K" }, "alg": "HS256" } } }`),
    ]) {
      expect(await fixed("c.json", text)).toBe(undefined);
    }
  });
});
