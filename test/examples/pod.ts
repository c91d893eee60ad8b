// Runs what a pod of examples/kubernetes would run, as the kubelet would: the commands, arguments, variables, files and
// probes of the manifests. A pod has a network, folders and names of its own. Here, all of them are on one machine, so
// each pod has its own ports and folders, and the names of servers are replaced by loopback addresses.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { freePort } from "../support/redis-server.js";

export interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
}

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly subPath?: string;
}

export interface Container {
  readonly name: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly Variable[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly VolumeMount[];
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
}

/** What surrounds a pod. */
export interface Cluster {
  /** The folder of the image. */
  readonly app: string;
  /** The values of the secret of the example, by key. */
  readonly secret: Readonly<Record<string, string>>;
  /** Texts of the manifests, and what stands in their place on this machine. */
  readonly names: Readonly<Record<string, string>>;
}

/** The volumes of a pod, by name: the text of each file. */
export type Volumes = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface RunningContainer {
  readonly child: ChildProcess;
  /** What the program has printed so far. */
  output(): string;
  /** Asks a probe until it succeeds, as the kubelet does. Rejects if the program ends. */
  succeeds(probe: Probe | undefined): Promise<void>;
  /** Status of the answer to a probe. */
  ask(probe: Probe | undefined): Promise<number>;
  /** The address of a port of the container, by the port's name. */
  address(port: string): string;
}

export interface Pod {
  /** Where the folder of a volume is. */
  folderOf(volume: string): string;
  start(container: Container): Promise<RunningContainer>;
}

/** Creates a pod in a folder: its volumes, and a port of this machine for each port of its containers. */
export async function createPod(
  folder: string,
  { app, secret, names }: Cluster,
  containers: readonly Container[],
  volumes: Volumes,
): Promise<Pod> {
  const replacements = new Map(Object.entries(names));
  const ports = new Map<string, number>();
  for (const port of containers.flatMap((container) => container.ports ?? [])) {
    ports.set(port.name, await freePort());
    replacements.set(`0.0.0.0:${port.containerPort}`, `127.0.0.1:${ports.get(port.name)}`);
  }
  // Containers of a pod reach each other here.
  replacements.set("127.0.0.1:8484", `127.0.0.1:${await freePort()}`);
  const mounts = containers.flatMap((container) => container.volumeMounts ?? []);
  for (const { name, mountPath, subPath = "" } of mounts)
    replacements.set(mountPath, join(folder, name, subPath));
  const here = (value: string): string => {
    let text = value;
    for (const [from, to] of replacements) text = text.replaceAll(from, to);
    return text;
  };
  for (const [name, files] of Object.entries(volumes)) {
    await mkdir(join(folder, name), { recursive: true });
    // The folders of volumes are open to all users of the pod, but not those that a single file is mounted into.
    const isFile = mounts.some((mount) => mount.name === name && mount.subPath !== undefined);
    await chmod(join(folder, name), isFile ? 0o755 : 0o777);
    for (const [file, content] of Object.entries(files))
      await writeFile(join(folder, name, file), here(content), { mode: 0o640 });
  }

  const variablesOf = ({ env = [], ports: own = [] }: Container) => {
    const values: Record<string, string> = {};
    for (const { name, value = "", valueFrom } of env) {
      const key = valueFrom?.secretKeyRef.key;
      const plain = value.replaceAll(/\$\((\w+)\)/g, (all, other: string) => values[other] ?? all);
      const [port] = own.filter(({ containerPort }) => plain === String(containerPort));
      values[name] =
        key !== undefined ? (secret[key] ?? "") : port ? String(ports.get(port.name)) : here(plain);
    }
    return values;
  };
  return {
    folderOf: (volume) => join(folder, volume),
    start: async (container) => {
      const [file = "", ...args] = [...(container.command ?? []), ...(container.args ?? [])].map(here);
      const env = { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, ...variablesOf(container) };
      const child = spawn(file, args, { cwd: app, env, stdio: ["ignore", "pipe", "pipe"] });
      onTestFinished(() => void child.kill("SIGKILL"));
      await once(child, "spawn");
      let output = "";
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding("utf8").on("data", (text: string) => {
          output += text;
        });
      const address = (port: string) => `http://127.0.0.1:${ports.get(port)}`;
      const ask = async (probe: Probe | undefined) => {
        if (probe === undefined) throw new TypeError(`${container.name} has no such probe.`);
        const { path, port } = probe.httpGet;
        const response = await fetch(`${address(port)}${path}`).catch(() => undefined);
        await response?.arrayBuffer();
        if (child.exitCode !== null) throw new Error(`${container.name} has ended: ${output}`);
        return response?.status ?? 0;
      };
      return {
        child,
        output: () => output,
        ask,
        address,
        succeeds: async (probe) => await expect.poll(() => ask(probe), { interval: 50 }).toBe(200),
      };
    },
  };
}
