// Runs the command `mcporter call` once per line of stdin.
import { execFile } from "node:child_process";
import { createInterface } from "node:readline";

createInterface({ input: process.stdin }).on("line", (question) => {
  execFile("mcporter", ["call", "--no-oauth", "crm.echo", `text=${question}`], (error, stdout, stderr) => {
    if (error === null) console.log(stdout.trim());
    else console.error(`FAILED ${question}: ${stdout} ${stderr}`);
  });
});
