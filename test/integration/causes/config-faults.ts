// Faults of the config and of the machine, which need no server.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { selfSigned } from "../../support/certificates.js";
import type { Fault, Place } from "./scenario.js";

const clientWith =
  (secret: object) =>
  ({ issuer }: Place) => ({
    // Mistakes that the type of the config refuses, too.
    grant: { client: { issuer, id: "crm-agent", secret } } as never,
  });

const inVariableName = (name: string, words: string): Fault => ({
  words,
  named: 'Write "CRM_SECRET", the name alone.',
  server: clientWith({ env: name }),
  argv: ["validate"],
});

/** Creates a project of its own inside of the project. */
async function createFolders(folder: string): Promise<void> {
  await mkdir(join(folder, "agents", "crm", ".git"), { recursive: true });
}

export const configFaults: readonly Fault[] = [
  inVariableName("$CRM_SECRET", '`{ "env": "$CRM_SECRET" }`'),
  inVariableName("%CRM_SECRET%", '`{ "env": "%CRM_SECRET%" }`'),
  inVariableName("${CRM_SECRET}", '`{ "env": "${CRM_SECRET}" }`'),
  inVariableName("{env:CRM_SECRET}", '`{ "env": "{env:CRM_SECRET}" }`'),
  {
    words: "the path of a file begins with `~`",
    named: "`~` is not expanded in a path.",
    server: clientWith({ file: "~/secrets/crm" }),
    argv: ["validate"],
  },
  {
    words: "`.env` beside the config has the variable that is not set",
    named: "Load that file with",
    env: {},
    prepare: (folder) => writeFile(join(folder, ".env"), "CRM_SECRET=s3cr3t\n", { mode: 0o600 }),
  },
  {
    words: "the variable is set under another name",
    named: "CRM_SECRET is not set, but CRM_SECERT is.",
    env: { CRM_SECERT: "s3cr3t" },
  },
  {
    words: "the variable is set, and empty",
    named: "CRM_SECRET is set, but empty.",
    env: { CRM_SECRET: "" },
  },
  {
    words: "the config is in a folder above the project, which is not searched",
    named: "To use it, name it: MCP_AUTH_CONFIG=",
    prepare: createFolders,
    runIn: "agents/crm",
  },
  {
    words: "the store's folder cannot be written",
    named: "store is not a folder (ENOTDIR). Move it away",
    top: () => ({ store: { type: "file", path: "./store/tokens", encryptionKey: { env: "STORE_KEY" } } }),
    env: { CRM_SECRET: "s3cr3t", STORE_KEY: Buffer.alloc(32, 7).toString("base64url") },
    // A file in its place, which also stops root.
    prepare: (folder) => writeFile(join(folder, "store"), "", { mode: 0o600 }),
    argv: ["validate", "--secrets"],
  },
  {
    words: "the file of `network.ca` does not exist",
    named: 'named in "network.ca", does not exist.',
    top: () => ({ network: { ca: "./ca.pem" } }),
    argv: ["validate", "--secrets"],
  },
  {
    words: "YAML reads an id as a number",
    named: 'Write it in quotes: "312445678901234567".',
    file: "mcp-auth.config.yaml",
    text: ({ issuer, mcp }) =>
      [
        "servers:",
        "  crm:",
        `    url: ${mcp}/mcp`,
        "    grant:",
        "      client:",
        `        issuer: ${issuer}`,
        "        id: 312445678901234567",
        "        secret: { env: CRM_SECRET }",
        "",
      ].join("\n"),
    argv: ["validate"],
  },
  {
    words: "the client certificate is for servers only",
    named: "clientAuth",
    server: ({ issuer }) => ({
      grant: {
        client: {
          ...{ issuer, id: "crm-agent" },
          certificate: { cert: { file: "client.pem" }, key: { file: "client.key" } },
        },
      },
    }),
    async prepare(folder) {
      const { certificate, privateKey } = await selfSigned({ server: true });
      await writeFile(join(folder, "client.pem"), certificate, { mode: 0o600 });
      await writeFile(join(folder, "client.key"), privateKey, { mode: 0o600 });
    },
    argv: ["validate", "--secrets"],
  },
];
