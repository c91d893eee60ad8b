// examples/kubernetes: its manifests, and what they would run, with a real Redis.
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { startWorld } from "../integration/harness.js";
import { copyExample } from "../support/example.js";
import { startRedis } from "../support/redis-server.js";
import { createTokenIssuer, type TokenIssuer } from "../support/token-issuer.js";
import { type Manifest, problemsOf, readManifests } from "./manifests.js";
import { type Container, createPod, type Pod, type RunningContainer } from "./pod.js";

const manifests = [...(await readManifests("agent.yaml")), ...(await readManifests("redis.yaml"))];
const readme = await readFile(new URL("../../examples/kubernetes/README.md", import.meta.url), "utf8");

function manifest(kind: string, name = "crm-agent"): Manifest {
  const found = manifests.find((each) => each.kind === kind && each.metadata.name === name);
  if (found === undefined) throw new TypeError(`There is no ${kind} ${name}.`);
  return found;
}

function containersOf({ spec }: Manifest): readonly Container[] {
  const pod = spec?.template?.spec;
  return [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])];
}

describe("the manifests of the example", () => {
  test.each(manifests.map((each) => [each.kind, each.metadata.name, each] as const))(
    "%s %s fits the model of Kubernetes",
    async (_kind, _name, each) => {
      expect(await problemsOf(each)).toBe("");
    },
  );

  test("the check against the models finds an unknown property and a value of another type", async () => {
    const deployment = JSON.stringify(manifest("Deployment"));
    const change = (from: string, to: string): Manifest => {
      expect(deployment).toContain(from);
      return JSON.parse(deployment.replace(from, to));
    };
    expect(await problemsOf(change('"startupProbe"', '"startProbe"'))).toContain("startProbe");
    expect(await problemsOf(change('"replicas":3', '"replicas":"three"'))).toContain("replicas");
    expect(await problemsOf(change('"type":"RuntimeDefault"', '"kind":"RuntimeDefault"'))).toContain("kind");
  });

  test("each mounted volume exists, and each key of the secret is one that the README creates", () => {
    const created = [...readme.matchAll(/--from-literal=([\w-]+)=/g)].map(([, key]) => key);
    for (const each of manifests.filter(({ kind }) => kind === "Deployment")) {
      const volumes = each.spec?.template?.spec.volumes?.map(({ name }) => name) ?? [];
      for (const container of containersOf(each)) {
        for (const { name } of container.volumeMounts ?? []) expect(volumes).toContain(name);
        for (const { valueFrom } of container.env ?? []) {
          if (valueFrom !== undefined) expect(created).toContain(valueFrom.secretKeyRef.key);
        }
      }
    }
  });
});

/** The claims of a service account token that the kubelet gives to a pod. */
function podClaims(issuer: string, pod: string) {
  return {
    aud: [issuer],
    sub: "system:serviceaccount:agents:crm-agent",
    "kubernetes.io": {
      namespace: "agents",
      node: { name: `node-of-${pod}`, uid: crypto.randomUUID() },
      pod: { name: pod, uid: crypto.randomUUID() },
      serviceaccount: { name: "crm-agent", uid: "5a1cf0ac-8f4f-4d59-8a68-1c9a6bb8c1f0" },
    },
  };
}

const secret = {
  "redis-password": "5e884898da28047151d0e56f8dc62927",
  "proxy-token": "8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92",
  "store-key": Buffer.alloc(32, 9).toString("base64url"),
};

async function startCluster() {
  const platform = await createTokenIssuer("https://kubernetes.default.svc.cluster.local");
  const jwtBearer = { issuers: [platform], withoutClient: true, singleUse: false };
  const world = await startWorld({ clients: [], jwtBearer });
  const [container] = containersOf(manifest("Deployment", "crm-agent-redis"));
  const args = container?.args?.map((arg) => arg.replace("$(REDIS_PASSWORD)", secret["redis-password"]));
  const redis = await startRedis(args);
  onTestFinished(() => redis.stop());
  const app = await copyExample("kubernetes");
  const names = {
    "crm-agent-redis:6379": `127.0.0.1:${redis.port}`,
    "https://crm.example/mcp": world.mcp.url,
    "https://auth.example": world.issuer.issuer,
  };
  return { platform, world, redis, cluster: { app, secret, names } };
}

interface RunningPod {
  readonly name: string;
  readonly pod: Pod;
  readonly proxy: RunningContainer;
  readonly agent: RunningContainer;
  ask(question: string): Promise<string>;
}

type Cluster = Awaited<ReturnType<typeof startCluster>>;

async function startPod({ platform, world, cluster }: Cluster, name: string): Promise<RunningPod> {
  const deployment = manifest("Deployment");
  const [proxySpec, agentSpec, ...more] = containersOf(deployment);
  if (proxySpec === undefined || agentSpec === undefined) throw new TypeError("Containers are missing.");
  expect(more).toEqual([]);
  const token = await platform.sign(podClaims(world.issuer.issuer, name));
  const volumes = { config: manifest("ConfigMap").data ?? {}, identity: { token }, state: {} };
  expect(Object.keys(volumes)).toEqual(deployment.spec?.template?.spec.volumes?.map((volume) => volume.name));
  const pod = await createPod(join(cluster.app, "..", name), cluster, [proxySpec, agentSpec], volumes);
  const proxy = await pod.start(proxySpec);
  await proxy.succeeds(proxySpec.startupProbe);
  const agent = await pod.start(agentSpec);
  await Promise.all([proxy.succeeds(proxySpec.readinessProbe), agent.succeeds(agentSpec.readinessProbe)]);
  expect([await proxy.ask(proxySpec.livenessProbe), await agent.ask(agentSpec.livenessProbe)]).toEqual([
    200, 200,
  ]);
  const ask = async (question: string) => {
    const response = await fetch(agent.address("http"), { method: "POST", body: question });
    return `${response.status} ${await response.text()}`;
  };
  return { name, pod, proxy, agent, ask };
}

async function startReplicas(cluster: Cluster): Promise<readonly RunningPod[]> {
  const names = Array.from(
    { length: manifest("Deployment").spec?.replicas ?? 0 },
    (_, index) => `pod-${index}`,
  );
  expect(names).toHaveLength(3);
  return await Promise.all(names.map((name) => startPod(cluster, name)));
}

/** Asks all pods at once. */
async function expectAnswers(pods: readonly RunningPod[]): Promise<void> {
  const answers = await Promise.all(pods.map(({ name, ask }) => ask(`question to ${name}`)));
  expect(answers).toEqual(pods.map(({ name }) => `200 question to ${name}`));
}

async function renewIdentity(platform: TokenIssuer, issuer: string, { pod, name }: RunningPod) {
  const token = await platform.sign(podClaims(issuer, name));
  await writeFile(join(pod.folderOf("identity"), "token"), token);
  return token;
}

describe("the replicas of the example", () => {
  test("three replicas answer with one token, and with one more after a revocation, requested with the renewed identity", async () => {
    const cluster = await startCluster();
    const { platform, world } = cluster;
    const { tokenRequests, issued } = world.issuer;
    const pods = await startReplicas(cluster);
    await expectAnswers(pods);
    expect(tokenRequests).toHaveLength(1);

    // The kubelet replaces the file long before the token in it expires.
    const renewed = await Promise.all(pods.map((pod) => renewIdentity(platform, world.issuer.issuer, pod)));
    for (const { jti } of issued) world.mcp.revoke(jti);
    await expectAnswers(pods);
    expect(tokenRequests).toHaveLength(2);
    expect(renewed).toContain(tokenRequests[1]?.params["assertion"]);
  });

  test("the replicas go on while Redis is away, and end within the time that Kubernetes gives them", async () => {
    const cluster = await startCluster();
    const pods = await startReplicas(cluster);
    await cluster.redis.kill();
    for (const { jti } of cluster.world.issuer.issued) cluster.world.mcp.revoke(jti);
    await expectAnswers(pods);
    for (const { agent, proxy } of pods) {
      agent.child.kill("SIGTERM");
      expect(await once(agent.child, "exit")).toEqual([0, null]);
      // The sidecar ends after the other containers.
      proxy.child.kill("SIGTERM");
      expect(await once(proxy.child, "exit")).toEqual([0, null]);
      const output = proxy.output();
      expect(output).not.toContain("world-writable");
      for (const value of Object.values(secret)) expect(output).not.toContain(value);
    }
  });

  test("a replica without an identity is alive and not ready, and says why", async () => {
    const cluster = await startCluster();
    const [proxySpec] = containersOf(manifest("Deployment"));
    if (proxySpec === undefined) throw new TypeError("The proxy is missing.");
    const volumes = { config: manifest("ConfigMap").data ?? {}, identity: {}, state: {} };
    const pod = await createPod(join(cluster.cluster.app, "../pod"), cluster.cluster, [proxySpec], volumes);
    const proxy = await pod.start(proxySpec);
    await proxy.succeeds(proxySpec.startupProbe);
    await expect.poll(proxy.output).toMatch(/^warning: Server "crm": .*\/token": it does not exist/m);
    expect(await proxy.ask(proxySpec.readinessProbe)).toBe(503);
    expect(await proxy.ask(proxySpec.livenessProbe)).toBe(200);
  });
});

test("the image of the example has the programs that its containers start", async () => {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const { bin } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const [proxySpec, agentSpec] = containersOf(manifest("Deployment"));
  expect(proxySpec?.command).toEqual(["node_modules/.bin/mcp-auth-runtime"]);
  expect(Object.keys(bin)).toContain("mcp-auth-runtime");
  const dockerfile = await readFile(join(root, "examples/kubernetes/Dockerfile"), "utf8");
  expect(dockerfile).toContain(`COPY ${agentSpec?.command?.[1]} ./\n`);
});
