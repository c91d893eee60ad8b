// Measures one import. A process can import a module for the first time only once, so this one imports nothing before.
const [what, url, folder] = process.argv.slice(2);

const start = process.hrtime.bigint();
const module = await import(url);
if (what === "createMcpAuth") await module.createMcpAuth({ cwd: folder, env: {} });
const milliseconds = Number(process.hrtime.bigint() - start) / 1e6;

process.stdout.write(JSON.stringify({ milliseconds }));
