//! The proxy against real sockets, and the text form of a network.

mod http;
mod life;
mod notation;
mod support;
mod tunnel;
