// What two parsers of dashboards make of a JUnit file, as JSON: of each case its suite, its name and what came of it.
// Usage: node read.mjs TOOLS JUNIT
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [tools, junit] = process.argv.slice(2)
const required = createRequire(join(tools, 'package.json'))

const { parse } = await import(pathToFileURL(join(tools, 'node_modules/junit2json/dist/esm/index.js')))
const parsed = await parse(readFileSync(junit, 'utf8'))
const outcomes = ['failure', 'error', 'skipped']
const junit2json = (parsed.testsuite ?? []).flatMap((suite) =>
  (suite.testcase ?? []).map((it) => [suite.name, it.name, outcomes.find((outcome) => it[outcome]) ?? 'passed']),
)

const result = required('test-results-parser').parse({ type: 'junit', files: [junit] })
const cases = result.suites.flatMap((suite) => suite.cases.map((it) => [suite.name, it.name, it.status]))
const { total, passed, failed, errors, skipped } = result

console.log(JSON.stringify({ junit2json, 'test-results-parser': { cases, totals: { total, passed, failed, errors, skipped } } }))
