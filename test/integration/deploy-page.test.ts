// docs/deploy.md shows what is in the folders of examples, which other tests run.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { checkConfig } from "../../src/config/load.js";
import { snippets } from "../support/snippets.js";

const root = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(`examples/${path}`, root), "utf8");
const shown = snippets(root, "docs/deploy.md");

/** The config in the ConfigMap of the example for Kubernetes. */
function configMap(): string {
  const documents = parseAllDocuments(read("kubernetes/agent.yaml")).map((document) => document.toJS());
  return documents.find(({ kind }) => kind === "ConfigMap").data["mcp-auth.config.json"];
}

const configs = [
  read("github-actions/mcp-auth.config.json"),
  read("gitlab/mcp-auth.config.json"),
  configMap(),
  read("cron/mcp-auth.config.json"),
  read("serverless/mcp-auth.config.json"),
];

test("docs/deploy.md shows the configs of the examples, which have no mistakes", async () => {
  const onPage = shown.filter(({ language }) => language === "json").map(({ code }) => JSON.parse(code));
  expect(onPage).toEqual(configs.map((text) => ({ ...JSON.parse(text), $schema: undefined })));
  const env = { CRM_URL: "https://crm.example/mcp", CRM_ISSUER: "https://auth.example" };
  for (const text of configs) {
    const { violations } = await checkConfig({ config: JSON.parse(text), cwd: "/", env });
    expect(violations).toEqual([]);
  }
});

test("docs/deploy.md shows parts of the jobs, the manifests and the line for cron as they are in the examples", () => {
  const [steps, job, pod] = shown
    .filter(({ language }) => language === "yaml")
    .map(({ code }) => parse(code));
  const workflow = parse(read("github-actions/.github/workflows/agent.yml"));
  const commands = workflow.jobs.agent.steps.flatMap((step: { run?: string }) => step.run ?? []);
  for (const [index, { run }] of steps.entries()) expect(commands[index]).toContain(run);
  const gitlab = parse(read("gitlab/.gitlab-ci.yml"));
  expect(job.agent.id_tokens).toEqual(gitlab.agent.id_tokens);
  for (const [index, command] of job.agent.script.entries())
    expect(gitlab.agent.script[index]).toContain(command);
  const documents = parseAllDocuments(read("kubernetes/agent.yaml")).map((document) => document.toJS());
  const { spec } = documents.find(({ kind }) => kind === "Deployment").spec.template;
  const [{ livenessProbe: _live, readinessProbe: _ready, ...container }] = pod.initContainers;
  expect(spec.initContainers[0]).toMatchObject(container);
  expect(spec.volumes).toContainEqual(pod.volumes[0]);
  const line = read("cron/crontab").trim().split("\n").at(-1);
  expect(readFileSync(new URL("docs/deploy.md", root), "utf8")).toContain(`\n${line}\n`);
});
