// The fault table as a page and for a terminal, from the lines of rows that ran. See `Line` in register.ts.

/** In the order of the page. */
const groups = [
  [
    "Network",
    "Between us and the token endpoint: names, connections, TLS, and servers that stop in the middle.",
  ],
  ["HTTP", "What the token endpoint answers, as HTTP sees it."],
  ["Token responses", "What the token endpoint answers, as OAuth sees it."],
  ["Metadata", "What the MCP server and the authorization server publish about themselves."],
  ["MCP server", "What the MCP server answers to calls."],
  ["Clocks", "Time that does not pass as it should."],
  ["Process", "What happens to the process that we run in."],
];

const intro = `# What goes wrong, and what callers see of it

Written by \`npm run test:faults\`, which makes each of these happen: real servers and proxies on loopback, one pair of
them for each row, that refuse, stall, lie or go away, and a runtime with the defaults of the config (four attempts,
10 s for one, 30 s for all). It fails when a row does not do what its line says, and in CI when this page is not what
came out.

- **What goes wrong** is there from before the call until after the failure. Then all is well again.
- **The caller sees** a token, or an error with this [code](errors.md), from the first call.
- **Requests** is how many of the kind in question that call made in all: token requests, under Metadata those for
  metadata.
- **Recovery** is how long after the failure the first call succeeds, once all is well. That the same call a
  millisecond before does not, and makes no request, is asserted too. 1 s is the first cool-down.
- **With a token** says what a caller sees who has a token that is due for renewal when it goes wrong: the token comes
  without any wait, no call fails for as long as it is usable, and once all is well the renewal succeeds by itself.

For every row it is asserted as well that after \`stop()\` nothing is left behind: no timer, no request, no connection, no
rejection that nobody handles; and that no secret, no token and nothing of a bad body shows in log lines of any level, in
events, on diagnostics channels, in errors, or under \`inspect\` of the runtime. Time is that of a clock that stands
still until it is moved, so that the milliseconds are exact. A connection that never came to be is given up by Node's
\`fetch\` itself, after ten seconds.
`;

export const knownGroups = groups.map(([name]) => name);

/** Lines in the order of the page. */
export function inOrder(lines) {
  return knownGroups.flatMap((group) => lines.filter((line) => line.group === group));
}

/** The page: the same for the same lines. */
export function page(lines) {
  const sections = groups.flatMap(([group, about]) => {
    const own = lines.filter((line) => line.group === group);
    if (own.length === 0) return [];
    const columns = columnsOf(own);
    const row = (cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
    const table = [
      row(columns.map(([title]) => title)),
      row(columns.map(() => "---")),
      ...own.map((line) => row(columns.map(([, cell]) => cell(line)))),
    ];
    return [`## ${group}`, about, table.join("\n")];
  });
  return `${[intro.trimEnd(), ...sections, `${lines.length} rows.`].join("\n\n")}\n`;
}

/** The same for a terminal. */
export function table(lines) {
  return groups
    .flatMap(([group]) => {
      const own = lines.filter((line) => line.group === group);
      if (own.length === 0) return [];
      const columns = columnsOf(own);
      const rows = [
        columns.map(([title]) => title),
        ...own.map((line) => columns.map(([, cell]) => cell(line).replaceAll("`", ""))),
      ];
      const widths = columns.map((_, column) => Math.max(...rows.map((cells) => cells[column].length)));
      const text = rows.map((cells) => cells.map((cell, column) => cell.padEnd(widths[column])).join("  "));
      return [`\n${group}`, ...text.map((line) => `  ${line.trimEnd()}`)];
    })
    .join("\n");
}

function columnsOf(lines) {
  return [
    ["What goes wrong", ({ name }) => name],
    ["The caller sees", ({ sees }) => sees],
    ["Requests", ({ requests }) => requests],
    ["Recovery", ({ recovery }) => recovery],
    ...(lines.some(({ withToken }) => withToken !== undefined)
      ? [["With a token", ({ withToken }) => withToken ?? ""]]
      : []),
  ];
}
