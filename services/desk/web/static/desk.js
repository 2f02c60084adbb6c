// The desk in the browser: what is live, what is counted down, what is kept, and the keys.
import { startBoard } from "./board.js";
import { startClock } from "./clock.js";
import { startForm } from "./form.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startSound } from "./sound.js";

startForm();
startKeys();
startBoard();
startSound();
startClock();
if (document.querySelector('meta[name="homecall-user"]')) startLive();
