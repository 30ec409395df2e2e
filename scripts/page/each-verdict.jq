# A copy of a run's record in which scenarios have each verdict, so that a page of such a run can be looked at.
def turned($verdict; $why):
  .verdict = $verdict | .reason = $why
  | .stages[].verdict = $verdict | .stages[].message = $why
  | .keys[].verdict = $verdict | .keys[].message = $why;
def counted($verdicts):
  {total: ($verdicts | length)}
  + ([("conformant", "known-deviation", "nonconformant", "inconclusive", "skipped")
      | {(.): (. as $one | [$verdicts[] | select(. == $one)] | length)}] | add);
.scenarios |= [
  to_entries[] | .key as $at | .value |
  if $at % 17 == 3 then turned("nonconformant"; "expected \(.expected); observed: something else")
    | .answer = {what: "The way does not end where it is to end.", todo: "Look at what the role binds.",
        commands: ["vault read auth/kubernetes/role/pmp-secret-accessor-role"]}
  elif $at % 17 == 4 then turned("inconclusive"; "no line of Vault's log came within 5 s")
  elif $at % 17 == 5 then turned("skipped"; "the revision of the page has no such key")
  elif $at % 17 == 6 then turned("nonconformant"; "expected \(.expected); observed: something else")
    | .known = {owner: "the platform team", expires: "2027-01-31", why: "ticket 7"}
  else . end]
| .run.id = "r00000000" | ."exit-code" = 1 | .conclusion = "What was observed is not as recorded in some scenarios."
| .summary.scenarios = counted([.scenarios[].verdict])
| .summary.cases = counted([.scenarios[] | (.stages, .keys, .commands, .steps, .checks)[].verdict])
