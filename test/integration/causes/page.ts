// Renders docs/causes.md.

export interface TokenRow {
  readonly title: string;
  readonly id: string;
  /** The ids of the findings, in their order, if the server explains itself and if it answers bare. */
  readonly explained: readonly string[];
  readonly bare401: readonly string[];
  readonly bare400: readonly string[];
}

export interface CommandRow {
  readonly words: string;
  readonly command: string;
  readonly named: string;
}

export interface Page {
  readonly tokenRows: readonly TokenRow[];
  readonly commandRows: readonly CommandRow[];
  readonly healthy: readonly string[];
}

const intro = `# See which cause each error names

This page is written by a test, which produces each fault with real servers on loopback and reads the message. The test
fails if a fault is no longer named, if a message names the cause of another fault first, or if this page is out of date.
\`npm run causes\` writes it anew.

## Rejected token requests

Each server accepts only what its product accepts, and issues a token once the config is corrected. **Explained** is the
message when the server says what such products say, **401** and **400** are the messages when it answers with that
status and an empty body. A cell lists the findings of the message in their order. The right one is in bold. After a bare
answer, a fault that cannot be told from others has no right one: the message then names the likeliest causes.
`;

/** Returns the page as Markdown. */
export function renderPage({ tokenRows, commandRows, healthy }: Page): string {
  const named = tokenRows.filter(({ id, explained }) => explained[0] === id).length;
  const among = (which: "bare401" | "bare400") =>
    tokenRows.filter(({ id, [which]: found }) => found.includes(id)).length;
  return `${[
    intro,
    table(
      ["A server that …", "Explained", "401", "400"],
      tokenRows.map(({ title, id, explained, bare401, bare400 }) => [
        title,
        ...[explained, bare401, bare400].map((found) => cell(found, id)),
      ]),
    ),
    `\n${tokenRows.length} faults. Named first when the server explains itself: ${named}. Among the candidates after a bare ` +
      `401: ${among("bare401")}, after a bare 400: ${among("bare400")}.\n`,
    "## Everything else\n",
    "What a person types, and a part of what the command prints.\n",
    table(
      ["Fault", "Command", "It prints"],
      commandRows.map(({ words, command, named }) => [words, `\`${command}\``, named]),
    ),
    "\n## Healthy servers\n",
    "`validate --secrets` and `token` print no error and no warning for any of these:\n",
    ...healthy.map((words) => `- ${words}`),
  ].join("\n")}\n`;
}

function cell(found: readonly string[], id: string): string {
  return found.map((each) => (each === id ? `**${each}**` : each)).join(", ");
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text) => text.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}
