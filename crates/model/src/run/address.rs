//! Addresses of steps: the names from the outermost step, with dots between; behind the name of a loop its item or target in
//! brackets, in which neither brackets nor spaces stand. `roll[web1].drain`.

/// Is the step with this address the one that is named, or inside of it? It is named by its address, or by its name alone,
/// which means every step of that name: a group with all that is in it, a loop with all its times.
pub fn is_within(address: &str, named: &str) -> bool {
    let (mut in_brackets, mut named_here) = (false, true);
    // Where a step's address or its name may end, all before it is one.
    let mut name_begins = 0;
    for (at, c) in address.char_indices().chain([(address.len(), '.')]) {
        match c {
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            _ => {}
        }
        let name_ends = c == '[' || (c == '.' && !in_brackets);
        if !name_ends {
            continue;
        }
        let name = address.get(name_begins..at).filter(|_| named_here);
        if address.get(..at) == Some(named) || name == Some(named) {
            return true;
        }
        named_here = c == '.';
        name_begins = at + 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_within;

    #[test]
    fn a_step_is_within_itself_and_all_around_it() {
        let address = "roll[web.1].each[a/b][web.2].drain";
        for named in [
            "roll",
            "roll[web.1]",
            "roll[web.1].each",
            "roll[web.1].each[a/b]",
            "roll[web.1].each[a/b][web.2]",
            address,
            "each",
            "drain",
        ] {
            assert!(is_within(address, named), "{named}");
        }
    }

    #[test]
    fn a_part_of_a_name_or_an_item_names_nothing() {
        let address = "roll[web.1].each[a/b][web.2].drain";
        for named in [
            "",
            "rol",
            "roll[web",
            "roll[web.2]",
            "web",
            "1]",
            "web.1",
            "b",
            "each[a/b]",
            "drai",
            "ain",
            "rolls",
            ".",
        ] {
            assert!(!is_within(address, named), "{named}");
        }
        assert!(!is_within("rolls", "roll") && !is_within("", "roll"));
    }
}
