// The job of examples/gitlab, checked against GitLab's own schema and run by gitlab-ci-local, which runs the commands of
// a job on this machine. It has the variables that a runner of GitLab sets.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { startWorld } from "../integration/harness.js";
import { copyExample, type Ended, plainEnvironment, run } from "../support/example.js";
import { createTokenIssuer } from "../support/token-issuer.js";

const tool = fileURLToPath(new URL("node_modules/gitlab-ci-local/dist/index.js", import.meta.url));

interface Job {
  readonly id_tokens: Readonly<Record<string, { readonly aud: string }>>;
}

interface Project {
  readonly folder: string;
  /** Runs the pipeline with these variables. */
  start(variables: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ended>;
}

/** Creates a repository with the example in it, on its default branch. */
async function createProject(): Promise<Project> {
  const folder = await copyExample("gitlab");
  const env = { ...plainEnvironment, HOME: folder, GIT_CONFIG_NOSYSTEM: "1" };
  const identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
  for (const args of [
    ["init", "--quiet", "--initial-branch", "main"],
    ["remote", "add", "origin", "https://gitlab.example/acme/agents.git"],
    ["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"],
    [...identity, "commit", "--quiet", "--allow-empty", "--message", "The example"],
  ]) {
    expect(await run("git", args, { cwd: folder, env })).toEqual({ code: 0, stdout: "", stderr: "" });
  }
  // The packages are links, so there is nothing to install. All other commands run.
  const npm = '#!/bin/sh\n[ "$*" = "ci --ignore-scripts" ]\n';
  await writeFile(join(folder, "node_modules/.bin/npm"), npm, { mode: 0o755 });
  const PATH = `${join(folder, "node_modules/.bin")}:${env.PATH}`;
  const shell = ["--force-shell-executor", "--no-shell-isolation", "--home", join(folder, "home")];
  return {
    folder,
    start: (variables, ...args) => {
      const set = Object.entries(variables).flatMap(([name, value]) => ["--variable", `${name}=${value}`]);
      return run(process.execPath, [tool, ...shell, ...set, ...args], { cwd: folder, env: { ...env, PATH } });
    },
  };
}

test("the job of the example fits GitLab's schema, and calls a tool with a token for its own identity", async () => {
  const { folder, start } = await createProject();
  const gitlab = await createTokenIssuer("https://gitlab.example");
  const world = await startWorld({ clients: [], jwtBearer: { issuers: [gitlab], withoutClient: true } });
  const variables = { CRM_URL: world.mcp.url, CRM_ISSUER: world.issuer.issuer };
  // The type of the file, whose form gitlab-ci-local checks.
  const { agent } = parse(await readFile(join(folder, ".gitlab-ci.yml"), "utf8")) as { readonly agent: Job };
  // What GitLab does before it starts the job.
  const sub = "project_path:acme/agents:ref_type:branch:ref:main";
  const idTokens = Object.entries(agent.id_tokens).map(async ([name, { aud }]) => {
    expect(aud).toBe("$CRM_ISSUER");
    return [name, await gitlab.sign({ sub, aud: variables.CRM_ISSUER })] as const;
  });
  const ended = await start({ ...variables, ...Object.fromEntries(await Promise.all(idTokens)) });
  expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining("> Hello from acme/agents\n") });
  expect(ended.stdout).toContain("$ node");
  expect(`${ended.stdout}${ended.stderr}`).toContain("json schema validated");
  expect(world.issuer.tokenRequests.map(({ params }) => params["grant_type"])).toEqual([
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
  ]);
});

test("a job without its ID token ends before the agent starts, and names the variable", async () => {
  const { start } = await createProject();
  const world = await startWorld({ clients: [] });
  const ended = await start({ CRM_URL: world.mcp.url, CRM_ISSUER: world.issuer.issuer });
  expect(ended.code).not.toBe(0);
  expect(ended.stdout).toContain("MCP_ID_TOKEN");
  expect(ended.stdout).not.toContain("$ node");
});

test("the check against GitLab's schema finds a mistake in the job", async () => {
  const { folder, start } = await createProject();
  const file = join(folder, ".gitlab-ci.yml");
  await writeFile(file, (await readFile(file, "utf8")).replace("aud:", "audience:"));
  const ended = await start({}, "--list");
  expect(ended.code).not.toBe(0);
  expect(`${ended.stdout}${ended.stderr}`).toContain("'audience' property is not expected to be here");
});
