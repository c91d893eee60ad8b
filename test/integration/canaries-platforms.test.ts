// What the services of a platform get and say appears nowhere, whatever they answer: the header that proves who asks,
// federated tokens, tokens of machines, and texts.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createMcpAuth, McpAuthError } from "../../src/index.js";
import { Canaries } from "../support/canaries.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { Watch } from "./canaries-evidence.js";
import { type Answer, jwt, type Stage, startStage } from "./canaries-stage.js";

const gcp = { gcp: { audience: "us" } };
const azure = { azure: { resource: "api://us" } };

/** Ways in which a service may answer. Each puts canaries into everything. */
const answers: Readonly<Record<string, (canaries: Canaries) => Answer>> = {
  "prose and 200": () => (response, _, stage) =>
    stage.say.html(response, 200, { "metadata-flavor": "Google" }),
  "prose and 400": () => (response, _, stage) =>
    stage.say.json(response, 400, { error: "invalid_request", error_description: stage.say.prose() }),
  "prose and 401": () => (response, _, stage) =>
    stage.say.json(response, 401, { error_codes: [stage.say.prose()] }, { "metadata-flavor": "Google" }),
  "prose and 503": () => (response, _, stage) =>
    stage.say.html(response, 503, { "metadata-flavor": "Google" }),
  "a redirect": (canaries) => (response, _, stage) =>
    stage.say.html(response, 307, { location: `https://x.example/${canaries.word("location")}` }),
  "another flavor": (canaries) => (response, _, stage) =>
    stage.say.html(response, 200, { "metadata-flavor": canaries.word("flavor") }),
  "a token for another audience": (canaries) => (response, _, stage) => {
    const token = canaries.plant("token of a machine", jwt("https://x.example", { aud: "api://them" }));
    response.setHeader("metadata-flavor", "Google");
    stage.say.json(response, 200, { access_token: token });
  },
  "too much": (canaries) => (response) =>
    void response
      .writeHead(200, { "metadata-flavor": "Google" })
      .end(canaries.phrase("long text").repeat(3_000)),
  nothing: () => (response) => void response.destroy(),
};

async function places(canaries: Canaries, stage: Stage) {
  const token = join(await temporaryFolder(), "token");
  await writeFile(token, canaries.plant("federated token", jwt("https://cluster.example")));
  const header = canaries.word("identity header of an app");
  return [
    { name: "computeMetadata", reference: gcp, env: { GCE_METADATA_HOST: stage.origin } },
    {
      name: "msi",
      reference: azure,
      env: { IDENTITY_ENDPOINT: `${stage.origin}/msi/token`, IDENTITY_HEADER: header },
    },
    { name: "metadata", reference: azure, env: { AZURE_POD_IDENTITY_AUTHORITY_HOST: stage.origin } },
    {
      name: "tenant",
      reference: azure,
      env: {
        AZURE_FEDERATED_TOKEN_FILE: token,
        AZURE_TENANT_ID: "tenant",
        AZURE_CLIENT_ID: "client",
        AZURE_AUTHORITY_HOST: stage.origin,
      },
    },
    {
      name: "addresses that are refused",
      reference: azure,
      env: { IDENTITY_ENDPOINT: `http://${canaries.word("host")}.example/`, IDENTITY_HEADER: header },
    },
    {
      name: "an authority that is refused",
      reference: azure,
      env: {
        AZURE_FEDERATED_TOKEN_FILE: token,
        AZURE_TENANT_ID: "tenant",
        AZURE_CLIENT_ID: "client",
        AZURE_AUTHORITY_HOST: `https://${canaries.word("host")}.example`,
      },
    },
  ];
}

test.each(Object.keys(answers))(
  "nothing of a platform's service is shown if it answers with %s",
  async (kind) => {
    const canaries = new Canaries();
    await using stage = await startStage(canaries);
    await using watch = new Watch();
    const answer = answers[kind]?.(canaries);
    if (answer === undefined) throw new Error("expected an answer");
    for (const { name, reference, env } of await places(canaries, stage)) {
      stage.script(name, { platform: answer });
      const client = { issuer: stage.issuer("x") };
      const auth = await createMcpAuth({
        config: {
          defaults: { retry: { attempts: 2, min: "1ms", max: "2ms" } },
          servers: {
            crm: { url: stage.mcp("x"), grant: { type: "jwt_bearer", client, assertion: reference } },
          },
        },
        env,
        logger: watch.logger,
      });
      watch.listen(auth);
      const manager = auth.resolve("crm");
      const outcome = await watch.outcome(`fetch with ${name}`, () => manager.fetch(manager.url));
      expect(outcome).toBeInstanceOf(McpAuthError);
      await watch.outcome(`getAccessToken with ${name}`, () => manager.getAccessToken());
      watch.look(auth);
      await auth.stop();
    }
    await watch.assertClean(canaries);
  },
);
