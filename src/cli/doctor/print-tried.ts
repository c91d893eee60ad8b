import { fromPointer } from "../../config/json.js";
import { printable } from "../../lib/printable.js";
import type { Printer } from "../print.js";
import { shownFile } from "../violations.js";
import type { Tried, WorkingChange } from "./try-remedies.js";

/** Prints what was tried, and the line of the config that works. */
export function printTried({ tried, works, note }: Tried, print: Printer, cwd: string | undefined): void {
  for (const { change, verdict, code, oauthError } of tried) {
    const why = verdict === "works" ? "" : ` (${[code, oauthError].filter(Boolean).join(", ")})`;
    print.verdict(verdict === "works" ? "pass" : "fail", `try ${printable(change)}${why}`);
  }
  if (works !== undefined) print.result(`\n${whatToWrite(works, cwd).join("\n")}`);
  else if (note !== undefined) print.result(note);
}

function whatToWrite(works: WorkingChange, cwd: string | undefined): readonly string[] {
  const { pointer, value, file, line, remedy, replaces, alsoAffects = [] } = works;
  const path = fromPointer(pointer);
  const name = path.at(-1) ?? "";
  const owner = pointer.slice(0, pointer.lastIndexOf("/"));
  const place = file === undefined ? "the config" : shownFile(file, cwd);
  const where = `${place}${line === undefined ? "" : `:${line}`}`;
  const affected = [
    ...(alsoAffects.length === 0
      ? []
      : [`This also changes ${alsoAffects.map((each) => `"${each}"`).join(", ")}.`]),
    ...(name === "resourceMetadata" && value === false ? [withoutItsMetadata] : []),
  ];
  if (remedy !== undefined) return [`This works: ${remedy}`, ...affected];
  if (value === undefined)
    return [`This works: remove ${lineOf(name, undefined, file)} at ${owner} (${where}).`, ...affected];
  const verb = replaces ? "change" : "add";
  return [
    `This works: ${verb} at ${printable(owner)} (${where}):`,
    `  ${lineOf(name, value, file)}`,
    ...affected,
  ];
}

const withoutItsMetadata =
  "What the server publishes is then no longer compared with the config, so first make sure with its operator that the " +
  "issuer and the resource of the config are right.";

/** Returns a property as the file writes it. In YAML, a value of JSON is right too. */
function lineOf(name: string, value: WorkingChange["value"], file: string | undefined): string {
  const isYaml = file !== undefined && /\.ya?ml$/i.test(file);
  const key = isYaml ? name : JSON.stringify(name);
  return printable(value === undefined ? key : `${key}: ${JSON.stringify(value)}`);
}
