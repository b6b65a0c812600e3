//! The sandbox over the wire: each test starts its own on free ports.

#[cfg(test)]
mod acuity;
#[cfg(test)]
mod associations;
#[cfg(test)]
mod companies_deals;
#[cfg(test)]
mod control;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod hubspot;
#[cfg(test)]
mod hubspot_batch;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod oauth;
#[cfg(test)]
mod pipedrive;
#[cfg(test)]
mod portal;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod salesforce;
#[cfg(test)]
mod square;
#[cfg(test)]
mod tap;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod vagaro;
#[cfg(test)]
mod webhooks;
