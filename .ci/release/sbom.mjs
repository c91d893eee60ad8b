// The SBOM of the published package, in CycloneDX. The tool of the CycloneDX project lists what npm installs with the
// package. What is built into its own files is added here.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { run } from "../../scripts/run.mjs";

const require = createRequire(import.meta.url);
const bundledProperty = "cdx:npm:package:bundled";
const developmentProperty = "cdx:npm:package:development";

/**
 * Returns the SBOM as text. Two runs over the same lock file return the same text.
 *
 * @param {string} root the project, with its lock file
 * @param {string} folder the package as it is installed, with the list of the packages whose code it contains
 */
export async function createSbom(root, folder) {
  const tool = join(import.meta.dirname, "node_modules/.bin/cyclonedx-npm");
  const args = [
    "--package-lock-only",
    "--output-reproducible",
    // Otherwise, a package that npm has put into the folder of another one would be a part of that.
    "--flatten-components",
    "--mc-type",
    "library",
    "--spec-version",
    "1.6",
  ];
  const { code, stdout, output } = await run(process.execPath, [tool, ...args], { cwd: root });
  if (code !== 0) throw new Error(`cyclonedx-npm failed:\n${output}`);
  const sbom = JSON.parse(stdout);
  const bundled = await bundledPackages(folder);
  const isDevelopment = ({ properties = [] }) => properties.some(({ name }) => name === developmentProperty);
  const wanted = sbom.components.filter((each) => !isDevelopment(each) || bundled.includes(nameOf(each)));
  const missing = bundled.filter((name) => !wanted.some((each) => nameOf(each) === name));
  if (missing.length > 0) throw new Error(`The lock file does not have ${missing.join(", ")}.`);
  // npm may have put the same version into several folders. It is one component.
  const kept = [...new Map(wanted.toReversed().map((each) => [nameOf(each), each])).values()].toReversed();
  const refOf = new Map(
    wanted.map((each) => [each["bom-ref"], kept.find((one) => nameOf(one) === nameOf(each))["bom-ref"]]),
  );
  refOf.set(sbom.metadata.component["bom-ref"], sbom.metadata.component["bom-ref"]);
  for (const component of kept.filter((each) => bundled.includes(nameOf(each)))) {
    const others = (component.properties ?? []).filter(({ name }) => name !== developmentProperty);
    component.properties = [...others, { name: bundledProperty, value: "true" }];
  }
  sbom.components = kept;
  const refs = new Set(refOf.values());
  sbom.dependencies = sbom.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ dependsOn = [], ...each }) => ({
      ...each,
      dependsOn: [...new Set(dependsOn.flatMap((ref) => refOf.get(ref) ?? []))],
    }));
  return `${JSON.stringify(sbom, undefined, 2)}\n`;
}

/** Returns what the published schema of CycloneDX, which the library contains, says against a text. */
export async function sbomProblems(text) {
  const { Spec, Validation } = require("@cyclonedx/cyclonedx-library");
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
  const problems = (await validator.validate(text)) ?? [];
  return problems.map((problem) => JSON.stringify(problem));
}

/** Returns `name@version` of the packages that scripts/build.mjs has listed. */
async function bundledPackages(folder) {
  const text = await readFile(join(folder, "dist/THIRD-PARTY-NOTICES"), "utf8");
  return [...text.matchAll(/^-+\n\n(\S+) (\d\S+)$/gm)].map(([, name, version]) => `${name}@${version}`);
}

/** @returns `name@version` of a component */
export function nameOf({ group, name, version }) {
  return `${group === undefined ? "" : `${group}/`}${name}@${version}`;
}
