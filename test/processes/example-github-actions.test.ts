// The commands of the workflow in examples/github-actions, run as the runner of GitHub Actions would, with a service
// for ID tokens in place of GitHub's.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { startWorld } from "../integration/harness.js";
import { copyExample, type Ended, plainEnvironment, run } from "../support/example.js";
import { sendJson, startHttpServer } from "../support/http-server.js";
import { createTokenIssuer } from "../support/token-issuer.js";

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

interface Job {
  readonly permissions: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}

const requestToken = "request-token-of-the-job";

async function start() {
  const folder = await copyExample("github-actions");
  // The type of the file, which this test reads.
  const workflow = parse(await readFile(join(folder, ".github/workflows/agent.yml"), "utf8")) as {
    readonly jobs: { readonly agent: Job };
  };
  const github = await createTokenIssuer("https://token.actions.githubusercontent.com");
  const world = await startWorld({ clients: [], jwtBearer: { issuers: [github], withoutClient: true } });
  const service = await startHttpServer(async (request, response) => {
    const url = new URL(request.url, "http://127.0.0.1");
    if (request.headers.authorization !== `Bearer ${requestToken}`) return sendJson(response, {}, 401);
    const aud = url.searchParams.get("audience");
    const sub = "repo:acme/agents:ref:refs/heads/main";
    sendJson(response, { value: await github.sign({ sub, ...(aud !== null && { aud }) }) });
  });
  onTestFinished(() => service.close());
  const { agent } = workflow.jobs;
  const vars: Readonly<Record<string, string>> = {
    CRM_URL: world.mcp.url,
    CRM_ISSUER: world.issuer.issuer,
  };
  const env = {
    ...plainEnvironment,
    ...Object.fromEntries(
      Object.entries(agent.env).map(([name, value]) => [
        name,
        value.replaceAll(/\$\{\{ vars\.(\w+) \}\}/g, (_all, variable: string) => vars[variable] ?? ""),
      ]),
    ),
    HOME: folder,
    CI: "true",
    GITHUB_ACTIONS: "true",
    GITHUB_REPOSITORY: "acme/agents",
    ACTIONS_ID_TOKEN_REQUEST_URL: `${service.origin}/token?api-version=2.0`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: requestToken,
  };
  const commands = agent.steps.flatMap((step) => step.run ?? []);
  return { folder, agent, world, service, env, commands };
}

/** The shell that the runner uses for a step without `shell`. */
function runStep(command: string, cwd: string, env: Readonly<Record<string, string>>): Promise<Ended> {
  return run("bash", ["-e", "-c", command], { cwd, env });
}

test("the workflow of the example calls a tool with a token for the job's own identity", async () => {
  const { folder, agent, world, service, env, commands } = await start();
  expect(agent.permissions["id-token"]).toBe("write");
  const [install, ...rest] = commands;
  // The packages are links here.
  expect(install).toBe("npm ci --ignore-scripts");
  const ended = [];
  for (const command of rest) ended.push(await runStep(command, folder, env));
  expect(ended.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
    rest.map(() => ({ code: 0, stderr: "" })),
  );
  expect(ended.at(-1)?.stdout).toBe("Hello from acme/agents\n");
  expect(world.issuer.tokenRequests).toHaveLength(1);
  const [{ params } = { params: undefined }] = world.issuer.tokenRequests;
  expect(params).toMatchObject({ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer" });
  // One for `validate --secrets`, one for the token request.
  expect(
    service.requests.map(({ url }) => new URL(url, service.origin).searchParams.get("audience")),
  ).toEqual([world.issuer.issuer, world.issuer.issuer]);
});

test("without the permission id-token: write, the first step of the example says what is missing", async () => {
  const { folder, world, env, commands } = await start();
  const { ACTIONS_ID_TOKEN_REQUEST_URL: _url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: _token, ...without } = env;
  const ended = await runStep(commands[1] ?? "", folder, without);
  expect(ended.code).toBe(2);
  expect(`${ended.stdout}${ended.stderr}`).toContain("id-token: write");
  expect(world.issuer.tokenRequests).toHaveLength(0);
});
