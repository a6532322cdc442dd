"""What people read when lists they bring cannot be read, or only in part; a part of `words`."""

from __future__ import annotations

from collections.abc import Mapping

from openportability.web.i18n import to_translate as _

ARCHIVE_WORDS: Mapping[str, tuple[str, str]] = {
    "archive.not_zip": (
        _("This is not the zip file you were given"),
        _("What is in it is no zip file, whatever its name says. Choose it as you downloaded it."),
    ),
    "archive.not_chosen": (
        _("No file was chosen"),
        _("Choose the zip file of your archive, then press the button again."),
    ),
    "archive.truncated": (
        _("The download was cut off"),
        _("Download the archive again, or unpack what you have and choose the two list files."),
    ),
    "archive.encrypted": (
        _("The zip has a password"),
        _("Unpack it yourself and choose the two list files inside it."),
    ),
    "archive.method": (
        _("This kind of zip cannot be unpacked here"),
        _("Unpack it yourself and choose the two list files inside it."),
    ),
    "archive.classic": (
        _("This is an old kind of archive, without your lists"),
        _("Ask for a new archive: the page explains how. It takes a day or more."),
    ),
    "archive.not_archive": (
        _("This zip is not such an archive"),
        _("Choose the zip file you received when you asked for your data."),
    ),
    "archive.no_lists": (
        _("There is no list of follows inside"),
        _("Ask for a new archive, or add the list files themselves."),
    ),
    "archive.missing_list": (
        _("Only one of the two lists was found"),
        _("You can go on: fewer people will be found. Or add the other list."),
    ),
    "archive.partial": (
        _("This archive says of itself that it is not complete"),
        _("You can go on with what is in it, or ask for a new archive."),
    ),
    "archive.corrupt_file": (
        _("Part of this archive is damaged"),
        _(
            "This file in it cannot be read: %(file)s. "
            "Download the archive again, or unpack it and choose the list files by hand."
        ),
    ),
    "archive.wrong_list": (
        _("A file holds another list than its name says"),
        _("Choose the right one in place of this file: %(file)s."),
    ),
    "archive.part_missing": (
        _("A part of a list is missing"),
        _("You can go on with the parts that are there, or try with the complete archive."),
    ),
    "archive.count_mismatch": (
        _("Rows that the archive announces: %(expected)s; read: %(count)s"),
        _("You can go on with what was read, or download the archive again."),
    ),
    "archive.skipped_rows": (
        _("Lines that could not be used: %(count)s"),
        _("All others were read. There is nothing you need to do."),
    ),
    "archive.rounded_ids": (
        _("Another program has damaged the numbers in this file"),
        _("Use the file as you received it, unopened and unchanged."),
    ),
    "archive.other_owner": (
        _("This archive belongs to %(owner)s, and you are signed in as %(mine)s"),
        _("Link the account it belongs to, or choose your own archive. Nothing was changed."),
    ),
    "archive.taken": (
        _("This archive belongs to an account of another member"),
        _("If that is you, sign in with that account. Nothing was changed."),
    ),
    "archive.no_owner": (
        _("We cannot tell whose lists these are"),
        _("Add the file account.js of your archive, or link the account they belong to."),
    ),
    "archive.inconsistent": (
        _("This archive was changed after it was made"),
        _("Use the archive as you received it."),
    ),
    "archive.several": (
        _("There is more than one archive here"),
        _("We used the one of %(date)s. Choose another if that is not the one you meant."),
    ),
    "archive.unsafe_path": (
        _("The zip holds names that no real archive has"),
        _("Use the archive as you received it."),
    ),
    "archive.limits": (
        _("This is larger than this site accepts (%(cap)s)"),
        _("Ask who runs this site, or run one of your own: it is made for that."),
    ),
    "archive.directory_rebuilt": (
        _("The index of the zip was damaged; we made it again"),
        _("Please check that the counts look right to you."),
    ),
    "import.unreadable": (
        _("This is no list of accounts: %(file)s"),
        _("Choose the file as you exported it, or export it again."),
    ),
    "import.wrong_kind": (
        _("This file holds another kind of list: %(file)s"),
        _("Choose the list of accounts you follow."),
    ),
    "import.not_ticked": (
        _("There are only blocks and mutes in these files"),
        _("Tick the box that brings them as well, or choose the list of accounts you follow."),
    ),
    "import.which_account": (
        _("You have linked several accounts there"),
        _("Say whose lists these are, then try again."),
    ),
    "import.skipped_rows": (
        _("Lines that could not be used: %(count)s, in %(file)s"),
        _("All others were read. There is nothing you need to do."),
    ),
}
