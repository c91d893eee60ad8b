// The manifests of examples/kubernetes, and their check against the models of Kubernetes.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";
import type { Container } from "./pod.js";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("../../", import.meta.url));

/** The parts of a manifest that the tests read. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: {
      readonly spec: {
        readonly initContainers?: readonly Container[];
        readonly containers: readonly Container[];
        readonly volumes?: readonly { readonly name: string }[];
      };
    };
  };
}

/** Reads the manifests of a file. A key that occurs twice is an error. */
export async function readManifests(file: string): Promise<readonly Manifest[]> {
  const text = await readFile(join(root, "examples/kubernetes", file), "utf8");
  const documents = parseAllDocuments(text, { strict: true, uniqueKeys: true });
  return documents.map((document) => {
    if (document.errors.length > 0) throw new Error(`${file}: ${document.errors.join("\n")}`);
    // The models check the form.
    return document.toJS() as Manifest;
  });
}

/**
 * Returns what is wrong with a manifest: what its JSON schema refuses, and each property that Kubernetes does not know,
 * which the schemas let pass and the types do not.
 */
export async function problemsOf(manifest: Manifest): Promise<string> {
  const { apiVersion, kind } = manifest;
  const module = `kubernetes-models/${apiVersion}/${kind}`;
  const source = [
    `import type { I${kind} } from ${JSON.stringify(module)};`,
    `export const manifest: I${kind} = ${JSON.stringify(manifest, null, 2)};`,
  ].join("\n");
  const folder = await mkdtemp(join(here, "node_modules/.manifest-"));
  try {
    await writeFile(join(folder, "manifest.ts"), source);
    const options = { module: "nodenext", strict: true, noEmit: true, skipLibCheck: true, types: [] };
    const config = { compilerOptions: options, files: ["manifest.ts"] };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    const types = await outputOfFailure(compiler, "--pretty", "false", "-p", folder);
    return `${await refusal(module, manifest)}${types}`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Returns what the JSON schema of a model refuses, or an empty text. */
async function refusal(module: string, manifest: Manifest): Promise<string> {
  const { [manifest.kind]: Model }: Readonly<Record<string, new (data: unknown) => { validate(): void }>> =
    await import(module);
  if (Model === undefined) return `There is no model ${manifest.kind}.`;
  try {
    new Model(manifest).validate();
    return "";
  } catch (error) {
    return String(error);
  }
}

/** Runs a program with Node. Returns what it prints if it fails, or an empty text. */
async function outputOfFailure(...args: readonly string[]): Promise<string> {
  return await promisify(execFile)(process.execPath, [...args]).then(
    () => "",
    (error: { stdout: string; stderr: string }) => `${error.stdout}${error.stderr}`,
  );
}
