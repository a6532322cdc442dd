// Reads pages as JSON from standard input, {name: html}; prints what is not valid in them, {name: [complaint]}.
// The rules are those of the HTML standard, not of taste: https://html-validate.org/rules/presets.html
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { pathToFileURL } from "node:url"

// The packages lie in the folder from which this is started, not beside it.
const require = createRequire(pathToFileURL(`${process.cwd()}/`))
const { HtmlValidate, StaticConfigLoader } = require("html-validate")

const rules = new HtmlValidate(new StaticConfigLoader({ root: true, extends: ["html-validate:standard"] }))
const told = {}
for (const [name, html] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
  const { results } = await rules.validateString(html)
  told[name] = results.flatMap(result =>
    result.messages.map(one => `${one.line}:${one.column} ${one.ruleId}: ${one.message}`),
  )
}
process.stdout.write(JSON.stringify(told))
