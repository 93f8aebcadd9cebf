// Runs the suite in the folder of the first argument against the server at the second, and prints a line for each test:
// its kind, how it went, its name, and what was wrong.
import { pathToFileURL } from 'node:url'
const [, , folder, base] = process.argv
const load = file => import(pathToFileURL(`${folder}/${file}`))
const { default: suites } = await load('tests/index.mjs')
const { runTests, getResults } = await load('client/runner.mjs')
const { determineTestResult } = await load('lib/display.mjs')
const { default: fetch } = await load('../node-fetch/lib/index.mjs')
await runTests(suites, fetch, false, base)
const results = getResults()
const signs = { '✅': 'passed', Y: 'passed', '⛔️': 'failed', '⚠️': 'failed', N: 'failed' }
for (const test of suites.flatMap(suite => suite.tests).filter(test => test.id in results)) {
  const how = signs[determineTestResult(suites, test.id, results)[2]] ?? 'untold'
  const why = results[test.id] === true ? '' : results[test.id].join(': ')
  console.log([test.kind ?? 'required', how, test.id, why].join('\t'))
}
