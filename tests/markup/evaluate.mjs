// The findings of csp_evaluator about the policy in the first argument, as JSON.

import { CspEvaluator } from "csp_evaluator/dist/evaluator.js";
import { CspParser } from "csp_evaluator/dist/parser.js";

const findings = new CspEvaluator(new CspParser(process.argv[2]).csp).evaluate();
process.stdout.write(JSON.stringify(findings.map(({ severity, directive, value, description }) => ({ severity, directive, value, description }))));
