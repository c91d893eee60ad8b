// Renders docs/causes.md.
import type { Diagnosed, DoctorCell, TokenRow } from "./doctor-rows.js";

export interface CommandRow {
  readonly words: string;
  readonly command: string;
  readonly named: string;
  readonly doctor: DoctorCell;
}

export interface Page {
  readonly tokenRows: readonly TokenRow[];
  readonly commandRows: readonly CommandRow[];
  readonly healthy: readonly string[];
}

const intro = `# See which cause each error names

Look here to see which mistakes an error message recognizes by itself, and that it does not blame a server that works. A
test produces each mistake with real servers on loopback and reads the message. It fails if a cause is no longer named,
if a message names another cause first, or if this page is out of date. \`npm run causes\` runs it and writes this page.
The servers answer as the documentation of their products says; none of the real products was asked.

## Rejected token requests

Each server accepts only what its product accepts, and issues a token once the config is corrected. **Explained** is the
message when the server describes the error as such products do. **401** and **400** are the messages when it answers
with that status and an empty body. A cell lists the causes that the message names, in their order, and the right one is
in bold. An empty answer does not always tell one cause from another: the message then names the likeliest ones.
`;

const doctorIntro = `## What doctor does about them

\`doctor\` runs against the same servers, with the same answers. The test fails if \`doctor\` does not name the same cause
first. \`doctor --try\` then changes one property of the config at a time, in memory, and prints the change that works. A
cell has what it prints, and how many changes it tried. A dash means that no change works: the secret is wrong, or
something has to change at the server.
`;

/** Returns the page as Markdown. */
export function renderPage({ tokenRows, commandRows, healthy }: Page): string {
  const named = tokenRows.filter(({ id, explained }) => explained.findings[0] === id).length;
  const among = (which: "bare401" | "bare400") =>
    tokenRows.filter(({ id, [which]: { findings } }) => findings.includes(id)).length;
  return `${[
    intro,
    table(
      ["A server that …", "Explained", "401", "400"],
      tokenRows.map(({ title, id, explained, bare401, bare400 }) => [
        title,
        ...[explained, bare401, bare400].map(({ findings }) => cell(findings, id)),
      ]),
    ),
    `\n${tokenRows.length} faults. Named first when the server explains itself: ${named}. Among the candidates after a bare ` +
      `401: ${among("bare401")}, after a bare 400: ${among("bare400")}.\n`,
    doctorIntro,
    table(
      ["A server that …", "Step", "Explained", "401", "400"],
      tokenRows.map(({ title, explained, bare401, bare400 }) => [
        title,
        [...new Set([explained, bare401, bare400].map(({ step }) => step))].join(", "),
        ...[explained, bare401, bare400].map(repaired),
      ]),
    ),
    repairedCounts(tokenRows),
    "## Everything else\n",
    "What a person types, and a part of what the command prints. `doctor` prints the same part for each; the last two " +
      "columns\nhave the step and the finding that it names, and what `doctor --try` prints.\n",
    table(
      ["Fault", "Command", "It prints", "`doctor`", "`doctor --try`"],
      commandRows.map(({ words, command, named, doctor: { blamed, works = "–" } }) => [
        ...[words, `\`${command}\``, named, blamed, works],
      ]),
    ),
    "\n## Healthy servers\n",
    "`validate --secrets` and `token` print no error and no warning for any of these, and `doctor` passes every step:\n",
    ...healthy.map((words) => `- ${words}`),
  ].join("\n")}\n`;
}

function repaired({ works, tried }: Diagnosed): string {
  return `${works ?? "–"} (${tried})`;
}

function repairedCounts(rows: readonly TokenRow[]): string {
  const correctable = rows.filter(({ isCorrectable }) => isCorrectable);
  const among = (which: "explained" | "bare401" | "bare400") =>
    rows.filter((row) => row[which].works !== undefined).length;
  const most = Math.max(
    ...rows.flatMap((row) => [row.explained, row.bare401, row.bare400]).map(({ tried }) => tried),
  );
  return (
    `\n${rows.length} faults. A right config or secret repairs ${correctable.length} of them; the others are repaired at ` +
    `the server. \`--try\` finds the\nremedy of ${among("explained")} if the server explains itself, of ` +
    `${among("bare401")} after a bare 401 and of ${among("bare400")} after a bare 400, with at most ${most}\n` +
    "changes. The remedies that it does not find need a value that only a person knows, such as the right secret.\n"
  );
}

function cell(found: readonly string[], id: string): string {
  return found.map((each) => (each === id ? `**${each}**` : each)).join(", ");
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text) => text.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}
