//! Rule files to rules: what compiles is in force, what does not is left out by name.
//!
//! One bad rule does not take its neighbours with it. A rule that needs a bad one is left out too, and so is whatever a
//! syntax error makes unreadable; every one of them is told, as a set that lost a rule must not look whole.

use std::collections::BTreeSet;

use sekisho_protocol::{RuleFault, RuleSource};
use yara_x::{Compiler, IgnoredRuleReason, SourceCode};

/// Compiles all sources, each in a namespace of its own.
pub(crate) fn compile(sources: &[RuleSource]) -> (yara_x::Rules, Vec<RuleFault>) {
    let mut compiler = new_compiler();
    let mut faults = Vec::new();
    let mut doubtful = Vec::new();
    for source in sources {
        let found = add(&mut compiler, source);
        if !found.is_empty() {
            doubtful.push(source);
        }
        faults.extend(found);
    }
    let rules = compiler.build();
    for source in doubtful {
        let told = told_of(&rules, &faults, source);
        let lost = declared(&source.text).into_iter().filter(|(_, name)| !told.contains(name));
        let message = "left out because of an error elsewhere in its file".to_owned();
        faults.extend(lost.map(|(_, rule)| fault(source, rule, message.clone())));
    }
    (rules, faults)
}

/// Adds a source and tells which of its rules do not compile, and why.
fn add(compiler: &mut Compiler<'_>, source: &RuleSource) -> Vec<RuleFault> {
    let (ignored, errors) = (compiler.ignored_rules().len(), compiler.errors().len());
    compiler.new_namespace(&source.name);
    let code = SourceCode::from(source.text.as_slice()).with_origin(&source.name);
    if compiler.add_source(code).is_ok() && compiler.ignored_rules().len() == ignored {
        return Vec::new();
    }
    let mut faults: Vec<RuleFault> = compiler
        .ignored_rules()
        .skip(ignored)
        .map(|(rule, reason)| {
            let message = match reason {
                IgnoredRuleReason::CompileError(error) => error.to_string(),
                IgnoredRuleReason::IgnoredRule(other) => format!("it needs the rule {other}"),
                IgnoredRuleReason::IgnoredModule(module) => format!("it needs the module {module}"),
            };
            fault(source, rule.to_owned(), message)
        })
        .collect();
    for error in compiler.errors().iter().skip(errors) {
        let message = error.to_string();
        if !faults.iter().any(|fault| fault.message == message) {
            let rule = line_of(&message).map_or_else(String::new, |line| rule_at(source, line));
            faults.push(fault(source, rule, message));
        }
    }
    faults
}

fn new_compiler() -> Compiler<'static> {
    let mut compiler = Compiler::new();
    // The jail reads no files; whoever loads the rules has put included ones in place.
    compiler.enable_includes(false);
    // Sets written for libyara escape what YARA-X holds for an error.
    compiler.relaxed_re_syntax(true);
    for name in EXTERNAL_VARIABLES {
        // The name is a valid identifier and defined once, which are the only reasons to refuse it.
        let _ = compiler.define_global(name, "");
    }
    compiler
}

fn fault(source: &RuleSource, rule: String, message: String) -> RuleFault {
    RuleFault { source: source.name.clone(), rule, message }
}

/// The rules of a source that are in force or named as left out.
fn told_of(rules: &yara_x::Rules, faults: &[RuleFault], source: &RuleSource) -> BTreeSet<String> {
    let in_force = rules.iter().filter(|rule| rule.namespace() == source.name);
    let faulty = faults.iter().filter(|fault| fault.source == source.name);
    let names = in_force.map(|rule| rule.identifier().to_owned());
    names.chain(faulty.map(|fault| fault.rule.clone())).collect()
}

/// The line that a message points to: ` --> file:LINE:COLUMN`.
fn line_of(message: &str) -> Option<usize> {
    let pointer = message.lines().find_map(|line| line.split_once("--> "))?.1;
    pointer.trim().rsplit(':').nth(1)?.parse().ok()
}

/// The rule around a line; empty if there is none.
fn rule_at(source: &RuleSource, line: usize) -> String {
    let before = declared(&source.text).into_iter().take_while(|(number, _)| *number <= line);
    before.last().map_or_else(String::new, |(_, name)| name)
}

/// The lines on which a source declares rules. A bad private rule is named by the compiler, and by those that need it.
fn declared(text: &[u8]) -> Vec<(usize, String)> {
    let text = String::from_utf8_lossy(text);
    let name = |line: &str| {
        let mut words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let first = words.next()?;
        let keyword = if first == "global" { words.next()? } else { first };
        let name = (keyword == "rule").then(|| words.next()).flatten()?;
        (!name.is_empty()).then(|| name.to_owned())
    };
    text.lines().zip(1..).filter_map(|(line, number)| Some((number, name(line)?))).collect()
}

/// What public rule sets expect to be defined. A patient's file has no name here.
const EXTERNAL_VARIABLES: &[&str] =
    &["filename", "filepath", "extension", "filetype", "owner", "md5"];

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(text: &str) -> (Vec<String>, Vec<RuleFault>) {
        let source = RuleSource { name: "set.yar".into(), text: text.into() };
        let (rules, faults) = compile(&[source]);
        (rules.iter().map(|rule| rule.identifier().to_owned()).collect(), faults)
    }

    fn named(faults: &[RuleFault]) -> Vec<&str> {
        faults.iter().map(|fault| fault.rule.as_str()).collect()
    }

    #[test]
    fn one_bad_rule_is_left_out_by_name_and_its_neighbours_stay() {
        let (rules, faults) = compiled(
            "rule one { condition: true }\nrule two { condition: nothing }\nrule three { condition: true }\n",
        );
        assert_eq!(rules, ["one", "three"]);
        assert_eq!(named(&faults), ["two"]);
        assert_eq!(faults[0].source, "set.yar");
        assert!(faults[0].message.contains("nothing"), "{}", faults[0].message);
    }

    #[test]
    fn a_rule_that_needs_a_bad_one_is_named_too() {
        let (rules, faults) = compiled(
            "rule bad { condition: nothing }\nrule needs { condition: bad }\nrule good { condition: true }\n",
        );
        assert_eq!(rules, ["good"]);
        assert_eq!(named(&faults), ["bad", "needs"]);
    }

    #[test]
    fn what_a_syntax_error_makes_unreadable_is_named() {
        let text = "rule one { condition: true }\nrule two { strings: $a = condition: $a }\nrule three { condition: true }\n";
        let (rules, faults) = compiled(text);
        for name in ["one", "two", "three"] {
            let in_force = rules.iter().any(|rule| rule == name);
            assert!(in_force != named(&faults).contains(&name), "{name}: {rules:?}, {faults:?}");
        }
        assert!(named(&faults).contains(&"two"));
    }

    #[test]
    fn a_module_that_does_not_exist_and_bytes_that_are_no_text_are_told() {
        let (rules, faults) = compiled("import \"cuckoo_2\"\nrule a { condition: cuckoo_2.x }\n");
        assert!(rules.is_empty() && !faults.is_empty());
        let source = RuleSource { name: "x.yar".into(), text: b"rule a { \xFF }".to_vec() };
        assert!(!compile(&[source]).1.is_empty());
    }

    #[test]
    fn modules_and_variables_of_public_sets_are_known() {
        let (rules, faults) = compiled(
            "import \"pe\"\nimport \"elf\"\nimport \"math\"\nimport \"hash\"\nimport \"dotnet\"\nimport \"macho\"\n\
             rule a { condition: pe.is_pe and math.entropy(0, filesize) > 7 and filename matches /x/ and owner == \"\" }\n",
        );
        assert_eq!((rules.len(), named(&faults).len()), (1, 0), "{faults:?}");
    }
}
