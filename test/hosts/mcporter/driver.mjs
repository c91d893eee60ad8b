// Runs the command `mcporter call` once per line of stdin.
import { execFile } from "node:child_process";
import { createInterface } from "node:readline";

createInterface({ input: process.stdin }).on("line", (question) => {
  // With this level, a failure has its reason.
  execFile(
    "mcporter",
    ["--log-level", "info", "call", "--no-oauth", "crm.echo", `text=${question}`],
    (error, stdout, stderr) => {
      if (error === null) console.log(stdout.trim());
      else console.error(`FAILED ${question}: ${stdout} ${stderr}`);
    },
  );
});
