// Refuses what the Content-Security-Policy would block at run time, and the shortcuts we do not take.
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const templates = fileURLToPath(new URL('../crates/server/templates/', import.meta.url));

const SCRIPT_RULES = [
  [/:\s*any\b|<any>|\bas any\b|@ts-ignore|@ts-nocheck/, 'no `any`, no silenced checks'],
  [/\.(innerHTML|outerHTML)\s*=|insertAdjacentHTML|document\.write|\beval\(|new Function\(/, 'no HTML or code from text'],
  [/postMessage\([^)]*['"]\*['"]/, 'the target of a message is always named'],
  [/localStorage/, 'nothing is kept where other pages can read it'],
];
const TEMPLATE_RULES = [
  [/<script(?![^>]*\bsrc=)/, 'no inline script'],
  [/<style|\sstyle=/, 'no inline style'],
  [/\son[a-z]+=/, 'no inline handler'],
  [/\|\s*safe\b|autoescape/, 'nothing escapes the escaping'],
  [/(?:src|href)="https?:/, 'nothing from elsewhere'],
  [/target="_blank"(?![^>]*noopener)/, 'a new tab gets no opener'],
];

const complaints = [
  ...(await check(`${here}chat/`, /\.ts$/, SCRIPT_RULES)),
  ...(await check(`${here}pages/`, /\.ts$/, SCRIPT_RULES)),
  ...(await check(`${here}shared/`, /\.ts$/, SCRIPT_RULES)),
  ...(await check(templates, /\.html$/, TEMPLATE_RULES)),
];
for (const complaint of complaints) console.error(complaint);
process.exitCode = complaints.length > 0 ? 1 : 0;

async function check(folder, names, rules) {
  const files = (await readdir(folder)).filter((name) => names.test(name));
  const found = await Promise.all(files.map((name) => checkFile(folder + name, rules)));
  return found.flat();
}

async function checkFile(path, rules) {
  const lines = (await readFile(path, 'utf8')).split('\n');
  return lines.flatMap((line, at) =>
    rules.filter(([rule]) => rule.test(line)).map(([, why]) => `${path}:${at + 1}: ${why}`));
}
