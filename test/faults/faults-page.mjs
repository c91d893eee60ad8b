// Renders the fault table as a page and for a terminal. See `Line` in register-rows.ts.

/** The groups in the order of the page, each with its introduction. */
const groups = [
  [
    "Network",
    "Failures on the way to the token endpoint: DNS, connections, TLS, and servers that stop in the middle of a response.",
  ],
  ["HTTP", "Responses of the token endpoint with unusual statuses, headers or bodies."],
  ["Token responses", "Token responses whose members are missing, wrong or unusual."],
  [
    "Metadata",
    "Metadata of the authorization server and of the MCP server that is missing, wrong or hostile.",
  ],
  ["MCP server", "Responses of the MCP server to calls."],
  ["Clocks", "Clocks that change, and servers whose clocks differ."],
  ["Process", "Failures of the process and of the host's own code."],
];

const intro = `# See what callers get when something fails

Look here to see whether a failure reaches your code, with which error, and when calls work again. \`npm run test:faults\`
produces each failure with real servers and proxies on loopback and the default settings (four attempts, 10 s for each,
30 s in total), and writes this page. CI runs it for each change, and fails if a row differs.

The failures are of one process and one server. For processes that share a store see [Fleet](fleet.md), for failures
that come and go see [Soak](soak.md).

- **Failure** starts before the call and ends after the call has failed. Then everything works again.
- **The caller sees** a token, or an error with this [code](errors.md), in the first call.
- **Requests** counts the requests that this call made: token requests, or metadata requests in the section Metadata.
- **Recovery** is the time from the failed call until the first call that succeeds. One millisecond earlier, the same call
  still fails and makes no request. 1 s is the first cool-down.
- **With a token** is what a caller sees whose token is due for renewal when the failure starts: the token is returned
  without a wait, no call fails while the token is usable, and afterwards the renewal succeeds by itself.

For each row, the test also checks that nothing remains after \`stop()\`: no timer, request, connection or unhandled
rejection. It checks that no secret, no token and no part of a bad response appears in log lines of any level, in
events, on diagnostics channels, in errors, or in \`inspect\` of the runtime. The test moves the clock itself, so times
are exact. Only a connection that is never established takes real time: Node's \`fetch\` gives up after ten seconds.
`;

export const knownGroups = groups.map(([name]) => name);

/** Returns the lines in the order of the page. */
export function inOrder(lines) {
  return knownGroups.flatMap((group) => lines.filter((line) => line.group === group));
}

/** Renders the page. */
export function page(lines) {
  const sections = groups.flatMap(([group, about]) => {
    const members = lines.filter((line) => line.group === group);
    if (members.length === 0) return [];
    const columns = columnsOf(members);
    const row = (cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
    const table = [
      row(columns.map(([title]) => title)),
      row(columns.map(() => "---")),
      ...members.map((line) => row(columns.map(([, cell]) => cell(line)))),
    ];
    return [`## ${group}`, about, table.join("\n")];
  });
  return `${[intro.trimEnd(), ...sections, `${lines.length} rows.`].join("\n\n")}\n`;
}

/** Renders the table for a terminal. */
export function table(lines) {
  return groups
    .flatMap(([group]) => {
      const members = lines.filter((line) => line.group === group);
      if (members.length === 0) return [];
      const columns = columnsOf(members);
      const rows = [
        columns.map(([title]) => title),
        ...members.map((line) => columns.map(([, cell]) => cell(line).replaceAll("`", ""))),
      ];
      const widths = columns.map((_, column) => Math.max(...rows.map((cells) => cells[column].length)));
      const text = rows.map((cells) => cells.map((cell, column) => cell.padEnd(widths[column])).join("  "));
      return [`\n${group}`, ...text.map((line) => `  ${line.trimEnd()}`)];
    })
    .join("\n");
}

function columnsOf(lines) {
  return [
    ["Failure", ({ name }) => name],
    ["The caller sees", ({ sees }) => sees],
    ["Requests", ({ requests }) => requests],
    ["Recovery", ({ recovery }) => recovery],
    ...(lines.some(({ withToken }) => withToken !== undefined)
      ? [["With a token", ({ withToken }) => withToken ?? ""]]
      : []),
  ];
}
