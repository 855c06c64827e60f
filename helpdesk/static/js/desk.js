// The desk's behaviour, in small modules that listen on the document and survive every swap.
import "./shell.js";
import "./panes.js";
import "./composer.js";
import "./files.js";
import "./attach.js";
import "./keys.js";
import "./live.js";
import "./presence.js";
import "./clock.js";
