"""Changes to Flet's build template that no setting reaches.

Android:
- ``FLAG_SECURE``: no screenshot, no recording, and a blank card where the system lists what was open last.
- ``excludeFromRecents``: no card at all.
- No service that fills in forms gets to see a field, or offers to keep what was typed there (a passphrase).
- Extraction rules: nothing of the app goes into a backup in the cloud or to a new phone.
- No permission for fingerprints and faces, which the package for the key store asks for and this app never uses.
- No provider of files: the template has one over all that the app keeps.
- No question which apps take text: where a text is selected, Android would offer to hand it to a translator or a search.

iOS:
- A blank cover of the system's own as soon as the app is no longer active: the picture that iOS keeps on the disk for its
  list of apps is taken then, and does not wait until Python has drawn.
- No cleartext: the template allows it for every host. (What Python sends does not ask; the transport is TLS by itself.)

The template comes from Flet's release of the very version that is pinned; whoever builds downloads it, checks its hash
and hands the folder to `harden`. What is not where it is expected is an error: a template that changed must be looked
at by a person, and never become a package without these lines.
"""

import re
from pathlib import Path
from typing import Final

from fieldapp.errors import InputError

ACTIVITY: Final = 'android:name=".MainActivity"'
OUT_OF_RECENTS: Final = 'android:excludeFromRecents="true"'

APPLICATION: Final = "<application"
NO_BIOMETRY: Final = (
    '<uses-permission xmlns:tools="http://schemas.android.com/tools" '
    'android:name="android.permission.USE_BIOMETRIC" tools:node="remove" />'
)

PLAIN_ACTIVITY: Final = "class MainActivity : FlutterActivity()"
SECURE_ACTIVITY: Final = """class MainActivity : FlutterActivity() {
    override fun onCreate(savedInstanceState: android.os.Bundle?) {
        // Before the first frame: nothing is ever drawn on a window that may be captured.
        window.addFlags(android.view.WindowManager.LayoutParams.FLAG_SECURE)
        super.onCreate(savedInstanceState)
        if (android.os.Build.VERSION.SDK_INT >= android.os.Build.VERSION_CODES.O) {
            window.decorView.importantForAutofill =
                android.view.View.IMPORTANT_FOR_AUTOFILL_NO_EXCLUDE_DESCENDANTS
        }
    }
}"""

FILES_TO_OTHERS: Final = re.compile(
    r"[ \t]*<provider\s+android:name=\"androidx\.core\.content\.FileProvider\".*?</provider>\n", re.DOTALL
)
TEXT_TO_OTHERS: Final = re.compile(
    r"[ \t]*<intent>\s*<action android:name=\"android\.intent\.action\.PROCESS_TEXT\".*?</intent>\n",
    re.DOTALL,
)
LEFT_OPEN: Final = ("provider_paths", '"android.intent.action.PROCESS_TEXT"')
"""What is in no hardened manifest; the second stands also in a comment of the template, without its quotes."""

STARTED: Final = "return super.application(application, didFinishLaunchingWithOptions: launchOptions)"
COVERED: Final = """let center = NotificationCenter.default, mark = 4711
    center.addObserver(forName: UIApplication.willResignActiveNotification, object: nil, queue: .main) { _ in
      for case let scene as UIWindowScene in UIApplication.shared.connectedScenes {
        for window in scene.windows where window.viewWithTag(mark) == nil {
          let cover = UIView(frame: window.bounds)
          cover.autoresizingMask = [.flexibleWidth, .flexibleHeight]
          cover.backgroundColor = .systemBackground
          cover.tag = mark
          window.addSubview(cover)
        }
      }
    }
    center.addObserver(forName: UIApplication.didBecomeActiveNotification, object: nil, queue: .main) { _ in
      for case let scene as UIWindowScene in UIApplication.shared.connectedScenes {
        scene.windows.forEach { $0.viewWithTag(mark)?.removeFromSuperview() }
      }
    }
    """
"""Of the system alone, and by its notices: they come with one window and with scenes."""

CLEARTEXT: Final = re.compile(r"(<key>NSAllowsArbitraryLoads</key>\s*)<(?!false ?/>)[^>]*>")

EVERY_DOMAIN: Final = ("root", "file", "database", "sharedpref", "external", "device_root", "device_file")
"""The domains of Android's extraction rules that an app of ours could have anything in."""


def extraction_rules() -> str:
    """Return Android's rules (12 and later) that keep everything out of backups and device transfers."""
    left_out = "\n".join(f'        <exclude domain="{domain}" path="."/>' for domain in EVERY_DOMAIN)
    return f"""<?xml version="1.0" encoding="utf-8"?>
<data-extraction-rules>
    <cloud-backup>
{left_out}
    </cloud-backup>
    <device-transfer>
{left_out}
    </device-transfer>
</data-extraction-rules>
"""


def harden(template: Path) -> list[Path]:
    """Change the template in the folder `template` and return the files that now differ; a second time, none.

    InputError when the folder is no such template, or when a line to be changed is not there exactly once. Then
    nothing is changed.
    """
    main = _only(template, "android/app/src/main/AndroidManifest.xml").parent
    manifest = _read(main / "AndroidManifest.xml")
    changes = {
        main / "AndroidManifest.xml": _closed(_without_biometry(_without_recents(manifest))),
        (activity := _only(main, "MainActivity.kt")): _secure(_read(activity)),
        main / "res" / "xml" / "data_extraction_rules.xml": extraction_rules(),
        (delegate := _only(template, "ios/Runner/AppDelegate.swift")): _covered(_read(delegate)),
        (settings := _only(template, "ios/Runner/Info.plist")): _only_tls(_read(settings)),
    }
    changed = [file for file, text in changes.items() if not file.exists() or _read(file) != text]
    for file in changed:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(changes[file], "utf-8")
    return changed


def _only(folder: Path, end: str) -> Path:
    found = [file for file in sorted(folder.rglob(Path(end).name)) if file.as_posix().endswith(end)]
    if len(found) != 1:
        raise InputError(f"{folder}: not a build template of Flet: {len(found)} files {end}.")
    return found[0]


def _read(file: Path) -> str:
    return file.read_text("utf-8")


def _without_recents(manifest: str) -> str:
    if OUT_OF_RECENTS in manifest:
        return manifest
    return _replaced(manifest, ACTIVITY, f"{ACTIVITY}\n            {OUT_OF_RECENTS}")


def _without_biometry(manifest: str) -> str:
    if NO_BIOMETRY in manifest:
        return manifest
    return _replaced(manifest, APPLICATION, f"{NO_BIOMETRY}\n    {APPLICATION}")


def _closed(manifest: str) -> str:
    """Take away what hands files or text to other apps, wherever the template has it."""
    manifest = TEXT_TO_OTHERS.sub("", FILES_TO_OTHERS.sub("", manifest))
    for words in LEFT_OPEN:
        if words in manifest:
            raise InputError(
                f"This build template of Flet is another one: {words!r} is still in the manifest."
            )
    return manifest


def _covered(delegate: str) -> str:
    if COVERED in delegate:
        return delegate
    return _replaced(delegate, STARTED, COVERED + STARTED)


def _only_tls(settings: str) -> str:
    return CLEARTEXT.sub(r"\1<false/>", settings)


def _secure(activity: str) -> str:
    if SECURE_ACTIVITY in activity:
        return activity
    return _replaced(activity, PLAIN_ACTIVITY, SECURE_ACTIVITY)


def _replaced(text: str, line: str, by: str) -> str:
    if text.count(line) != 1:
        raise InputError(f"This build template of Flet is another one: {line!r} is not there exactly once.")
    return text.replace(line, by)
